// Elements. Whatever comes from a message becomes text or an attribute that holds no code, never markup.

export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

export function button(text, onclick, properties = {}) {
  return element("button", { type: "button", onclick, ...properties }, text);
}

// A button that wants to be pressed twice.
export function carefulButton(text, question, onclick, properties = {}) {
  const node = button(text, press, properties);
  function press() {
    if (node.classList.contains("asking")) {
      node.classList.remove("asking");
      onclick();
    } else {
      node.classList.add("asking");
      node.textContent = question;
    }
  }
  node.addEventListener("blur", () => {
    node.classList.remove("asking");
    node.textContent = text;
  });
  return node;
}

export function copyButton(text, properties = {}, title = "Copy") {
  // Browsers have a clipboard for secure origins alone.
  if (!navigator.clipboard) return undefined;
  const node = button(title, async () => {
    await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
    node.textContent = "Copied";
    node.addEventListener("blur", () => (node.textContent = title), { once: true });
  }, { class: "quiet", ...properties });
  return node;
}

// Makes the children of a node be these, and leaves alone those that stay: focus, selection and scrolling survive.
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.childNodes]) {
    if (!wanted.has(child)) child.remove();
  }
  let place = parent.firstChild;
  for (const child of children) {
    if (child === place) place = place.nextSibling;
    else parent.insertBefore(child, place);
  }
}
