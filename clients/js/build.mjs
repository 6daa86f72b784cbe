// Builds the package: dist/esm and dist/cjs, each with an entry for `.`, `./react`, `./streams` and
// `./inbox`, and declarations.
// With --tests, the unit tests as well, in build/test.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const HERE = dirname(fileURLToPath(import.meta.url));
const ENTRIES = ["index", "react", "streams", "inbox"];
const TARGET = "es2022";

/** An error is of one class wherever it comes from: the other entries take it from the first. */
const oneErrorClass = {
  name: "one error class",
  setup(context) {
    context.onResolve({ filter: /^\.\/errors\.js$/ }, () => ({ path: "./index.js", external: true }));
  },
};

async function bundle(entry, format) {
  const outfile = join(HERE, "dist", format, `${entry}.js`);
  const { outputFiles } = await build({
    entryPoints: [join(HERE, "src", `${entry}.ts`)],
    outfile,
    bundle: true,
    format,
    target: TARGET,
    minify: true,
    mangleProps: /^_[a-z]/, // what is nobody else's business is called so in the sources
    packages: "external",
    plugins: entry === "index" ? [] : [oneErrorClass],
    sourcemap: "external",
    write: false,
    logLevel: "warning",
  });
  const [map, code] = ["map", "js"].map((kind) => outputFiles.find(({ path }) => path.endsWith(`.${kind}`)).text);
  const small = await minify(code, {
    module: true,
    ecma: 2022,
    compress: {
      passes: 4,
      unsafe: true,
      unsafe_comps: true,
      unsafe_arrows: true,
      unsafe_methods: true,
      pure_getters: true,
      keep_fargs: false,
    },
    sourceMap: { content: map, includeSources: true, url: `${entry}.js.map` },
  });
  mkdirSync(dirname(outfile), { recursive: true });
  writeFileSync(outfile, small.code);
  writeFileSync(`${outfile}.map`, small.map);
}

function declarations() {
  const tsc = join(HERE, "node_modules/typescript/bin/tsc");
  const to = join(HERE, "dist/esm");
  const options = ["--noEmit", "false", "--emitDeclarationOnly", "--declaration", "--rootDir", "src", "--outDir", to];
  execFileSync(process.execPath, [tsc, "-p", join(HERE, "tsconfig.build.json"), ...options], {
    cwd: HERE,
    stdio: "inherit",
  });
  for (const file of readdirSync(to).filter((name) => name.endsWith(".d.ts")))
    cpSync(join(to, file), join(HERE, "dist/cjs", file));
}

async function tests() {
  const from = join(HERE, "test/unit");
  rmSync(join(HERE, "build/test"), { recursive: true, force: true });
  await build({
    entryPoints: readdirSync(from)
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => join(from, name)),
    outdir: join(HERE, "build/test"),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node18",
    packages: "external",
    sourcemap: "inline",
    logLevel: "warning",
  });
}

rmSync(join(HERE, "dist"), { recursive: true, force: true });
await Promise.all(ENTRIES.flatMap((entry) => ["esm", "cjs"].map((format) => bundle(entry, format))));
cpSync(join(HERE, "../../LICENSE"), join(HERE, "LICENSE")); // npm publishes what is in the folder
writeFileSync(join(HERE, "dist/cjs/package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
declarations();
if (process.argv.includes("--tests")) await tests();
console.log(`built ${ENTRIES.join(", ")}: ${readFileSync(join(HERE, "dist/esm/index.js")).length} bytes`);
