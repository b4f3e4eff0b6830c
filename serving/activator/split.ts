/**
 * A weighted choice that is exact over time: cards are dealt from a shuffled deck that holds every target in proportion
 * to its weight. After each full deck the shares are exact, and the shuffle keeps a client that sends its requests in a
 * fixed rhythm from always meeting the same target.
 */

const LARGEST_DECK = 1000;

export class SplitDeck {
  readonly #cards: Uint16Array;
  readonly #random: () => number;
  #next: number;

  /**
   * @param weights one a target, whole numbers ≥ 0; when none is positive the first target takes all
   * @param random uniform in [0, 1)
   */
  constructor(weights: readonly number[], random: () => number = Math.random) {
    this.#cards = Uint16Array.from(cardsFor(weights));
    this.#random = random;
    this.#next = this.#cards.length;
  }

  /** Requests after which the shares are exact. */
  get size(): number {
    return this.#cards.length;
  }

  /** Index of the target that takes the next request. */
  draw(): number {
    if (this.#cards.length === 1) return this.#cards[0]!;
    if (this.#next >= this.#cards.length) this.#shuffle();
    return this.#cards[this.#next++]!;
  }

  #shuffle(): void {
    const cards = this.#cards;
    for (let i = cards.length - 1; i > 0; i--) {
      const j = Math.floor(this.#random() * (i + 1));
      const card = cards[i]!;
      cards[i] = cards[j]!;
      cards[j] = card;
    }
    this.#next = 0;
  }
}

function cardsFor(weights: readonly number[]): number[] {
  const whole = weights.map((weight) => Math.max(0, Math.round(weight)));
  const total = whole.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return [0];
  let counts = reduce(whole);
  if (sumOf(counts) > LARGEST_DECK) {
    const scaled = whole.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.round((weight / total) * LARGEST_DECK))));
    counts = reduce(scaled);
  }
  return counts.flatMap((count, target) => Array<number>(count).fill(target));
}

function reduce(counts: readonly number[]): number[] {
  const divisor = counts.reduce(greatestDivisor, 0);
  return counts.map((count) => count / divisor);
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
