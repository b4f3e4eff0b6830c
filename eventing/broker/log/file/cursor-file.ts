/** A subscriber's cursor on disk: checked lines, the last valid one counts; see docs/formats/event-log.md. */
import type { Cursor, CursorState, PendingRecord } from '../log.ts';
import { crc32 } from '../../../../kube/crc32.ts';
import type { Files, OpenFile } from './files.ts';

const REWRITE_AT = 64 * 1024;

export class CursorFile implements Cursor {
  readonly #path: string;
  readonly #files: Files;
  readonly #onSave: () => void;
  #file: OpenFile | undefined;
  #size = 0;
  #state: CursorState;
  #saving: Promise<void> = Promise.resolve();
  #removed = false;

  private constructor(path: string, files: Files, state: CursorState, onSave: () => void) {
    this.#path = path;
    this.#files = files;
    this.#state = state;
    this.#onSave = onSave;
  }

  /** A new cursor, durable once this resolves. */
  static async create(path: string, files: Files, state: CursorState, onSave: () => void): Promise<CursorFile> {
    const cursor = new CursorFile(path, files, state, onSave);
    await cursor.#rewrite(state, true);
    return cursor;
  }

  /** An existing one; without a valid line it stands at `fallback`. */
  static async load(path: string, files: Files, fallback: number, onSave: () => void): Promise<CursorFile> {
    const state = lastValid((await files.readAll(path)).toString('utf8')) ?? { next: fallback, pending: [] };
    return new CursorFile(path, files, state, onSave);
  }

  get state(): CursorState {
    return this.#state;
  }

  /** The oldest record still owed. */
  get low(): number {
    return this.#state.pending.reduce((low, record) => Math.min(low, record.offset), this.#state.next);
  }

  save(state: CursorState): Promise<void> {
    // One after the other; a failed one does not hold up the next.
    const run = this.#saving.catch(() => undefined).then(() => this.#save(state));
    this.#saving = run;
    return run;
  }

  async close(): Promise<void> {
    await this.#saving.catch(() => undefined);
    await this.#file?.close();
    this.#file = undefined;
  }

  async remove(): Promise<void> {
    this.#removed = true;
    await this.close();
    await this.#files.remove(this.#path);
  }

  async #save(state: CursorState): Promise<void> {
    if (this.#removed) return;
    const line = encodeLine(state);
    if (this.#file === undefined || this.#size + line.length > REWRITE_AT) await this.#rewrite(state, false);
    else {
      await this.#file.write(line, this.#size);
      this.#size += line.length;
    }
    this.#state = state;
    this.#onSave();
  }

  async #rewrite(state: CursorState, durably: boolean): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    const line = encodeLine(state);
    await this.#files.replace(this.#path, line);
    const file = await this.#files.open(this.#path, 'lazy');
    if (durably) await file.writeDurably(line, 0);
    this.#file = file;
    this.#size = line.length;
  }
}

function encodeLine(state: CursorState): Buffer {
  const pending = state.pending.map(({ offset, failures, due }) => [offset, failures, due]);
  const json = JSON.stringify({ next: state.next, pending });
  return Buffer.from(`${crc32(Buffer.from(json)).toString(16).padStart(8, '0')} ${json}\n`);
}

function lastValid(text: string): CursorState | undefined {
  for (const line of text.split('\n').reverse()) {
    const json = line.slice(9);
    if (json === '' || crc32(Buffer.from(json)).toString(16).padStart(8, '0') !== line.slice(0, 8)) continue;
    const state = parseState(JSON.parse(json));
    if (state !== undefined) return state;
  }
  return undefined;
}

function parseState(value: unknown): CursorState | undefined {
  if (typeof value !== 'object' || value === null || !('next' in value) || !('pending' in value)) return undefined;
  if (typeof value.next !== 'number' || !Array.isArray(value.pending)) return undefined;
  const pending = value.pending.map((entry: unknown): PendingRecord => {
    const [offset, failures, due] = Array.isArray(entry) ? entry.map(Number) : [];
    return { offset: offset ?? 0, failures: failures ?? 0, due: due ?? 0 };
  });
  return { next: value.next, pending };
}
