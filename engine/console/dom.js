// Elements are made from text only: nothing that came over the wire is ever read as markup.
export const $ = (id) => document.getElementById(id);

/** An element of TAG with PROPS (class, text, attributes; functions are listeners of that event) and CHILDREN. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name === "class" ? "class" : name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** Makes CHILDREN those of PARENT. One that is there and looks the same stays what it is: a press or a focus on it is not lost. */
export function update(parent, children) {
  const old = [...parent.childNodes];
  const wanted = children.map((child) => {
    const at = old.findIndex((other) => other === child || other.isEqualNode(child));
    return at < 0 ? child : old.splice(at, 1)[0];
  });
  for (const node of old) node.remove();
  let next = parent.firstChild;
  for (const node of wanted) {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
}

export const button = (text, click, props = {}) => el("button", { type: "button", text, click, ...props });
export const json = (value) => JSON.stringify(value);
