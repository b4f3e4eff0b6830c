/** A terminal that is redrawn: takes the whole of it, and gives it back as it was. */
import type { ReadStream, WriteStream } from 'node:tty';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

export class Screen {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #onKey: (data: Buffer) => void;
  #draw: ((size: { lines: number; width: number }) => string) | undefined;
  readonly #redraw = (): void => this.#show();

  /** @param quit called when the person has had enough: q, Ctrl-C or Escape */
  constructor(input: ReadStream, output: WriteStream, quit: () => void) {
    this.#input = input;
    this.#output = output;
    this.#onKey = (data) => {
      const text = data.toString('latin1');
      if (/[qQ\x03\x04]/.test(text) || text === '\x1b') quit();
    };
  }

  open(): void {
    this.#output.write(ENTER);
    if (this.#input.isTTY) this.#input.setRawMode(true);
    this.#input.on('data', this.#onKey).resume();
    this.#output.on('resize', this.#redraw);
  }

  /** Shows what is drawn for the terminal's size, now and whenever that changes. */
  show(draw: (size: { lines: number; width: number }) => string): void {
    this.#draw = draw;
    this.#show();
  }

  close(): void {
    this.#input.off('data', this.#onKey).pause();
    if (this.#input.isTTY) this.#input.setRawMode(false);
    this.#output.off('resize', this.#redraw);
    this.#output.write(LEAVE);
  }

  #show(): void {
    if (this.#draw === undefined) return;
    const { rows, columns } = this.#output;
    const lines = this.#draw({ lines: rows, width: columns }).trimEnd().split('\n').slice(0, rows);
    this.#output.write(HOME + lines.map((line) => line + REST_OF_LINE).join('\r\n') + REST_OF_SCREEN);
  }
}
