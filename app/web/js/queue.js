/** What waits for the server: a few images at a time, the one that is looked at before the others. */

const AT_ONCE = 2; // requests: the server has other guests

export class Queue {
  /** `next()` gives an image that waits, or nothing; `work(image)` sends it and never throws. */
  constructor(next, work) {
    Object.assign(this, { next, work });
    this.running = 0;
  }

  pump() {
    while (this.running < AT_ONCE) {
      const image = this.next();
      if (!image) return;
      this.running++;
      this.work(image).finally(() => {
        this.running--;
        this.pump();
      });
    }
  }
}
