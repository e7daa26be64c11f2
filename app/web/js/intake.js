/** The three ways in: pick, paste, drop. Each calls `take(files)`. */

export function intake(take, overlay) {
  for (const input of document.querySelectorAll("[data-files]")) {
    input.addEventListener("change", () => {
      take([...input.files]);
      input.value = ""; // so that the same file can be picked again
    });
  }
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) event.preventDefault();
    take(files);
  });
  dropping(take, overlay);
}

/** The image that comes with the page. */
export async function example() {
  const answer = await fetch("assets/example.jpg");
  return new File([await answer.blob()], "cat.jpg", { type: "image/jpeg" });
}

function dropping(take, overlay) {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    overlay.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) overlay.hidden = true;
  });
  document.addEventListener("drop", async (event) => {
    overlay.hidden = true;
    if (!carries(event)) return;
    event.preventDefault();
    take(await dropped(event.dataTransfer));
  });
}

/** The files of a drop, folders opened. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const plain = [...transfer.files]; // both must be read before the first await, when the browser empties them
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  return (await Promise.all(entries.filter(Boolean).map(filesOf))).flat().filter(isImage);
}

/** A folder holds other things too. */
function isImage(file) {
  return file.type.startsWith("image/") || /\.(avif|hei[cf]|tiff?)$/i.test(file.name);
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return files; // a browser hands out a folder a hundred entries at a time
    files.push(...(await Promise.all(some.map(filesOf))).flat());
  }
}
