/**
 * Output pipes for containers. What `spawn` calls a pipe is a socket pair, and a program cannot open /dev/stdout when
 * that is a socket; a FIFO it can. FIFOs are made some at a time and used again.
 */
import { execFile } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const BATCH = 16;

export interface OutputPipe {
  readonly reader: Socket;
  /** For `stdio` of spawn; to be closed in this process right after. */
  readonly writeFd: number;
}

export class Fifos {
  readonly #folder: string;
  #free: string[] = [];
  #made = 0;
  #making: Promise<void> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Undefined when the machine has no `mkfifo`. */
  async take(): Promise<OutputPipe | undefined> {
    if (this.#free.length === 0) {
      this.#making ??= this.#make().finally(() => (this.#making = undefined));
      await this.#making;
    }
    const path = this.#free.pop();
    if (path === undefined) return undefined;
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFd = openSync(path, constants.O_WRONLY);
    const reader = new Socket({ fd: readFd, readable: true, writable: false });
    let ended = false;
    reader.once('end', () => (ended = true));
    reader.once('close', () => {
      // Somebody may still hold the other end of a pipe that has not ended: nobody else may get it.
      if (ended) this.#free.push(path);
      else void unlink(path).catch(() => undefined);
    });
    return { reader, writeFd };
  }

  static close(pipe: OutputPipe): void {
    closeSync(pipe.writeFd);
  }

  async #make(): Promise<void> {
    const names = Array.from({ length: BATCH }, () => join(this.#folder, String(this.#made++)));
    try {
      await promisify(execFile)('mkfifo', ['-m', '600', ...names]);
      this.#free.push(...names);
    } catch {
      this.#free = [];
    }
  }
}
