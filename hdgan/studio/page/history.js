// What can be undone: tiles as they were, and the table. Bounded by bytes.

export const TILE = 64;
const BYTES = 256 * 2 ** 20;

/** Steps, each with what it replaced. */
export class History {
  constructor() {
    this.steps = [];
    this.position = 0;
  }

  /** @param {{title: string, tiles: Map<number, any>, table: any, regions: any}} step */
  push(step) {
    this.steps.length = this.position;
    this.steps.push(step);
    this.position = this.steps.length;
    let bytes = 0;
    for (let i = this.steps.length - 1; i >= 0; i--) {
      for (const tile of this.steps[i].tiles.values()) bytes += tile.byteLength;
      if (bytes > BYTES && i < this.steps.length - 1) {
        this.steps.splice(0, i + 1);
        this.position -= i + 1;
        break;
      }
    }
  }
}
