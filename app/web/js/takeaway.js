/** What is taken away from the page: an image, all of them, a command. */

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it after the click
}

/** Save `entries`, each `{name, blob}`, as one ZIP. */
export async function saveAll(entries, name) {
  const { zip } = await import("./zip.js");
  const taken = new Set();
  const date = new Date();
  save(await zip(entries.map((entry) => ({ ...entry, date, name: distinct(entry.name, taken) }))), name);
}

/** The name, or `name (2)`, so that no entry hides another. */
function distinct(name, taken) {
  const [, stem, extension] = name.match(/^(.*)(\.\w+)$/s);
  let free = name;
  for (let count = 2; taken.has(free.toLowerCase()); count++) free = `${stem} (${count})${extension}`;
  taken.add(free.toLowerCase());
  return free;
}

export const canCopyImages = Boolean(navigator.clipboard?.write && globalThis.ClipboardItem);

/** Copy an image: `png` is a promise of a PNG, as clipboards take no other. */
export function copyImage(png) {
  return navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
}

/** Have an <img> that is dragged out of the page arrive under the name that `name()` gives. */
export function draggedOutAs(image, name) {
  image.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData("DownloadURL", `image/*:${name()}:${image.src}`);
  });
}

/** Copy an element's text. */
export async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch {
    getSelection().selectAllChildren(element); // no clipboard without HTTPS: the older way
    document.execCommand("copy");
  }
}
