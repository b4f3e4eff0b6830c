/** The log of an instance: JSON lines in a file of at most 10 MiB, with the one before kept as `.1`. */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const LARGEST = 10 * 1024 * 1024;

export class LogFile {
  readonly path: string;
  #fd: number;
  #size: number;
  #broken = false;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'a', 0o600);
    this.#size = fstatSync(this.#fd).size;
  }

  /** @param text whole lines; when the disk is full the text goes to stderr instead, once */
  write(text: string): void {
    try {
      if (this.#size > LARGEST) this.#rotate();
      this.#size += writeSync(this.#fd, text);
      this.#broken = false;
    } catch (error) {
      if (!this.#broken) process.stderr.write(`zeroth: cannot write ${this.path}: ${String(error)}\n${text}`);
      this.#broken = true;
    }
  }

  #rotate(): void {
    renameSync(this.path, `${this.path}.1`);
    closeSync(this.#fd);
    this.#fd = openSync(this.path, 'a', 0o600);
    this.#size = 0;
  }
}
