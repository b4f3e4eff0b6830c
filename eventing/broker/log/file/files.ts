/** The file operations the log needs, as a seam: tests inject full disks and failing syncs here. */
import * as fs from 'node:fs';
import * as fsp from 'node:fs/promises';
import { dirname } from 'node:path';

export interface OpenFile {
  /** Reads until the buffer is full or the file ends; returns the bytes read. */
  read(buffer: Buffer, position: number): Promise<number>;
  /** Writes all of the buffer and makes data and size durable. */
  writeDurably(buffer: Buffer, position: number): Promise<void>;
  /** Writes all of the buffer; durable whenever the system likes. */
  write(buffer: Buffer, position: number): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export type OpenMode = 'read' | 'create' | 'update' | 'lazy';

export interface Files {
  /** `create` and `update` are for files whose every write is to be durable, `lazy` updates one where few are. */
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  list(folder: string): Promise<string[]>;
  readAll(path: string): Promise<Buffer>;
  /** Writes a new file beside and moves it into place. */
  replace(path: string, content: Buffer): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** Makes the folder's entries durable. */
  syncFolder(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
/** A write that syncs itself saves a trip to the thread pool a commit; 0 where the system has none. */
const O_DSYNC: number = fs.constants.O_DSYNC ?? 0;
const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  create: O_RDWR | O_CREAT | O_EXCL | O_DSYNC,
  update: O_RDWR | O_DSYNC,
  lazy: O_RDWR,
};

export const nodeFiles: Files = {
  async open(path, mode) {
    const flags = FLAGS[mode];
    return new NodeFile(await fsp.open(path, flags), O_DSYNC !== 0 && (flags & O_DSYNC) === O_DSYNC);
  },
  list: (folder) => fsp.readdir(folder),
  readAll: (path) => fsp.readFile(path),
  async replace(path, content) {
    const beside = `${path}.new`;
    await fsp.writeFile(beside, content);
    await fsp.rename(beside, path);
  },
  async makeFolder(path) {
    await fsp.mkdir(path, { recursive: true });
    await nodeFiles.syncFolder(dirname(path));
  },
  async syncFolder(path) {
    const handle = await fsp.open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  remove: (path) => fsp.rm(path, { force: true }),
  removeFolder: (path) => fsp.rm(path, { recursive: true, force: true }),
};

class NodeFile implements OpenFile {
  readonly #handle: fsp.FileHandle;
  readonly #syncs: boolean;

  /** @param syncs whether every write is durable by itself */
  constructor(handle: fsp.FileHandle, syncs: boolean) {
    this.#handle = handle;
    this.#syncs = syncs;
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, done, buffer.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async writeDurably(buffer: Buffer, position: number): Promise<void> {
    await this.write(buffer, position);
    if (this.#syncs) return;
    await new Promise<void>((resolve, reject) =>
      fs.fdatasync(this.#handle.fd, (error) => (error === null ? resolve() : reject(error))),
    );
  }

  async write(buffer: Buffer, position: number): Promise<void> {
    let done = 0;
    while (done < buffer.length) {
      const from = done;
      done += await new Promise<number>((resolve, reject) =>
        fs.write(this.#handle.fd, buffer, from, buffer.length - from, position + from, (error, written) =>
          error === null ? resolve(written) : reject(error),
        ),
      );
    }
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
