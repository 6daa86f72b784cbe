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

/** Lists, and objects with fields of their own, are written as JSON; the server says what does not fit. */
const isJson = (field) => field.type === "JSON" || field.list;

function shown(field, value) {
  if (value == null) return "";
  if (isJson(field)) return json(value);
  if (field.type === "DateTime") return localTime(value);
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

/** As people read it: "list of {sku: String, price: Decimal}". */
function typeText({ type, list, fields }) {
  const one = fields ? `{${fields.map((field) => `${field.name}: ${typeText(field)}`).join(", ")}}` : type;
  return list ? `list of ${one}` : one;
}

function control(field) {
  if (isJson(field)) return el("textarea", { rows: 2, required: field.required, spellcheck: "false" });
  if (field.type === "Enum") return choice(field, field.enumValues ?? []);
  if (field.type === "Boolean") return choice(field, ["true", "false"]);
  if (field.type === "Text") return el("textarea", { rows: 2, required: field.required });
  return el("input", { ...INPUTS[field.type], required: field.required, autocomplete: "off" });
}

function parsed(field, text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${field.name}: expected JSON (${error.message})`);
  }
}

function valueOf(field, text) {
  if (isJson(field)) return parsed(field, text);
  if (field.type === "Integer" || field.type === "Decimal") return Number(text);
  if (field.type === "Boolean") return text === "true";
  if (field.type === "DateTime") return new Date(text).toISOString();
  return text;
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
    const hint = [typeText(field), field.required && "required", field.description].filter(Boolean).join(", ");
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
