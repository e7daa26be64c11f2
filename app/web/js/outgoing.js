/** What leaves the page as the options have it now: a file, all of them, a copy, a command. */

import { hasKey } from "./api.js";
import { curlCommand } from "./curl.js";
import { extensionOf, finished } from "./dressing.js";
import { copyImage, save, saveAll } from "./takeaway.js";

const WHITE = [255, 255, 255];

export class Outgoing {
  constructor(options) {
    this.options = options;
  }

  /** What an image's result is called. */
  name(image) {
    const recipe = this.options.recipe();
    return image.output(recipe.mask ? "mask" : "cutout", extensionOf(recipe));
  }

  /** The result at full size, `{name, blob}`; made again where the options change meanwhile. */
  async file(image) {
    for (;;) {
      const made = await finished(image, this.options.recipe());
      if (made) return { name: this.name(image), blob: made.blob };
    }
  }

  async download(image) {
    const { name, blob } = await this.file(image);
    save(blob, name);
    image.isSaved = true;
  }

  /** Save several as one ZIP; `onProgress(count)` is called before each. */
  async downloadAll(images, onProgress) {
    const files = [];
    for (const image of images) {
      onProgress(files.length);
      files.push(await this.file(image));
    }
    await saveAll(files, "cutouts.zip");
    for (const image of images) image.isSaved = true;
  }

  /** Copy the result, as a PNG: clipboards take no other. */
  async copy(image) {
    const recipe = { ...this.options.recipe(), format: "png" };
    if (this.options.recipe().format === "jpeg") recipe.background ??= WHITE;
    const making = finished({ cut: image.cut, file: image.file }, recipe);
    await copyImage(making.then(({ blob }) => blob));
    image.isSaved = true;
  }

  /** The curl command that makes the same. */
  command(image) {
    const url = new URL("cutout", document.baseURI).href;
    return curlCommand(url, [...image.fields(), ...this.options.fields()], this.name(image), hasKey());
  }
}
