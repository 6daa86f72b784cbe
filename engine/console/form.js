// A form for the content of one message type, made from the hub's description, and the content that it holds.
import { el, json } from "./dom.js";

const INPUTS = {
  String: { type: "text", maxlength: 255 },
  ID: { type: "text" },
  Integer: { type: "number", step: 1 },
  Decimal: { type: "number", step: "any" },
  DateTime: { type: "datetime-local", step: 0.001 },
};

const pad = (n, width = 2) => String(n).padStart(width, "0");

/** What an input of type datetime-local shows for an ISO time: the same moment in the reader's zone. */
function localTime(iso) {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return "";
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}.${pad(d.getMilliseconds(), 3)}`;
}

function shown({ type }, value) {
  if (value == null) return "";
  if (type === "JSON") return json(value);
  if (type === "DateTime") return localTime(value);
  return String(value);
}

function choice(field, words) {
  const select = el("select", { required: field.required });
  select.append(
    el("option", { value: "", text: field.required ? "choose" : "not given" }),
    ...words.map((word) => el("option", { value: word, text: word })),
  );
  return select;
}

function control(field) {
  if (field.type === "Enum") return choice(field, field.enumValues ?? []);
  if (field.type === "Boolean") return choice(field, ["true", "false"]);
  if (field.type === "Text" || field.type === "JSON")
    return el("textarea", { rows: 2, required: field.required, spellcheck: field.type === "JSON" ? "false" : undefined });
  return el("input", { ...INPUTS[field.type], required: field.required, autocomplete: "off" });
}

function valueOf(field, text) {
  if (field.type === "Integer" || field.type === "Decimal") return Number(text);
  if (field.type === "Boolean") return text === "true";
  if (field.type === "DateTime") return new Date(text).toISOString();
  if (field.type !== "JSON") return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${field.name}: expected JSON (${error.message})`);
  }
}

const ANYTHING = { name: "content", type: "JSON", required: true, description: "any object; this type declares no fields", anything: true };

/** Fills PLACE with inputs for TYPE, holding CONTENT or else the defaults. Returns read(): the content, or an Error with the reason. */
export function makeForm(place, type, content) {
  const fields = type.fields.length ? type.fields : [ANYTHING];
  const inputs = fields.map((field) => {
    const input = control(field);
    const given = content === undefined ? field.defaultValue : field.anything ? content : content[field.name];
    input.value = shown(field, given);
    const label = el(
      "label",
      { class: input.localName === "textarea" ? "wide" : undefined, text: field.required ? `${field.name} *` : field.name },
      input,
    );
    const hint = [field.type, field.required && "required", field.description].filter(Boolean).join(", ");
    label.append(el("span", { class: "soft", text: hint }));
    input.setAttribute("aria-label", field.name);
    input.name = field.name;
    return input;
  });
  place.replaceChildren(...inputs.map((input) => input.parentElement));
  return () => {
    const read = fields.map((field, i) => [field, inputs[i].value]).filter(([, text]) => text !== "");
    const made = read.map(([field, text]) => [field.name, valueOf(field, text)]);
    return fields[0].anything ? (made[0]?.[1] ?? {}) : Object.fromEntries(made);
  };
}
