// IndexedDB with promises: what the store writes to.

const NAME = "hdgan-studio";
const PATIENCE = 3000; // Milliseconds; some browsers never answer.
const AGAIN = 30000; // Milliseconds until one that failed is asked again.

/**
 * The database: `scenes` by key, `steps` by [key of a scene, key of a step],
 * `choices` by run, `stamps` by key. Opened when it is first asked for, and
 * again after it was lost.
 */
export class Disk {
  constructor() {
    /** @type {IDBDatabase | null} while it is open */
    this.base = null;
    /** @type {Promise<IDBDatabase> | null} */
    this.opening = null;
  }

  /** @returns {Promise<IDBDatabase>} */
  open() {
    if (!this.opening || performance.now() > this.again) {
      this.again = Infinity;
      this.opening = inTime(opened()).then((base) => this.take(base));
      this.opening.catch(() => (this.again = performance.now() + AGAIN));
    }
    return this.opening;
  }

  take(base) {
    const gone = () => (this.base = this.opening = null);
    base.onclose = gone;
    base.onversionchange = () => (base.close(), gone());
    return (this.base = base);
  }

  /**
   * Changes some of its parts; waits until that is on disk.
   * @param {string[]} names
   * @param {(work: IDBTransaction) => any} f waits for nothing but its requests
   */
  async change(names, f) {
    const work = (await this.open()).transaction(names, "readwrite"), end = written(work);
    try {
      await f(work);
    } catch (error) {
      end.catch(() => null);
      work.abort();
      throw error;
    }
    await end;
  }

  /** Reads one record, or undefined. */
  async read(name, key) {
    return given((await this.open()).transaction(name).objectStore(name).get(key));
  }

  /** Reads all records, or those of a range. */
  async readAll(name, range = undefined) {
    return given((await this.open()).transaction(name).objectStore(name).getAll(range));
  }
}

/** @returns {Promise<IDBDatabase>} */
function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("scenes", { keyPath: "key" });
      request.result.createObjectStore("steps");
      request.result.createObjectStore("choices");
      request.result.createObjectStore("stamps", { keyPath: "key" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another window holds it"));
  });
}

/** A promise that fails when it takes too long. */
function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it does not answer")), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What a request gives. @param {IDBRequest} request @returns {Promise<any>} */
export function given(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Waits until all of a transaction is on disk. @param {IDBTransaction} work */
function written(work) {
  return new Promise((resolve, reject) => {
    work.oncomplete = () => resolve(null);
    work.onabort = () => reject(work.error || new Error("it was given up"));
  });
}

/** All that belongs to a scene in `steps`. @param {string} key */
export function stepsOf(key) {
  return IDBKeyRange.bound([key], [key, []]);
}
