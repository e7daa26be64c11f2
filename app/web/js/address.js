/** The choices in the page's address, so that a reload or a link brings them back: only what isn't as it comes. */

/** Set the controls of a form as the address says; what it does not know stays as it is. */
export function readAddress(form) {
  for (const [name, value] of new URLSearchParams(location.search)) {
    const control = form.elements.namedItem(name);
    if (!control || control.type === "file") continue;
    if (control.type === "checkbox") control.checked = value === "1";
    else if (fits(control, value)) control.value = value;
  }
}

export function writeAddress(form) {
  const chosen = new URLSearchParams();
  for (const control of form.elements) {
    if (!control.name || control.type === "file" || isHidden(form, control)) continue;
    if (control.type === "checkbox") {
      if (control.checked !== control.defaultChecked) chosen.set(control.name, control.checked ? "1" : "0");
    } else if (control.type === "radio") {
      if (control.checked && !control.defaultChecked) chosen.set(control.name, control.value);
    } else if (control.value !== initial(control)) {
      chosen.set(control.name, control.value);
    }
  }
  const search = String(chosen);
  if (search !== location.search.slice(1)) history.replaceState(null, "", search ? `?${search}` : location.pathname);
}

/** Whether other choices make this one meaningless. */
function isHidden(form, control) {
  const hidden = control.closest("[hidden]");
  return form.contains(hidden) && hidden !== form;
}

function initial(control) {
  if (control.tagName !== "SELECT") return control.defaultValue;
  return ([...control.options].find((option) => option.defaultSelected) ?? control.options[0])?.value ?? "";
}

function fits(control, value) {
  if (control instanceof RadioNodeList) return [...control].some((radio) => radio.value === value);
  return control.tagName !== "SELECT" || [...control.options].some((option) => option.value === value);
}
