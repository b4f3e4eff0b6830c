/** Load over time, for simulations: requests in flight in each second. */

export type Trace = readonly number[];

/** Nothing, then a constant load, then nothing. */
export function step(height: number, seconds: number, before = 10, after = 120): Trace {
  return [...constant(0, before), ...constant(height, seconds), ...constant(0, after)];
}

/** From nothing to `height` in a straight line, then held. */
export function ramp(height: number, seconds: number, held = 60): Trace {
  return [...Array.from({ length: seconds }, (_, i) => (height * i) / seconds), ...constant(height, held)];
}

/** A constant load with one short spike in its middle. */
export function spike(base: number, height: number, width: number, seconds = 240): Trace {
  const from = Math.floor((seconds - width) / 2);
  return Array.from({ length: seconds }, (_, i) => (i >= from && i < from + width ? height : base));
}

/** Rises to `height` and falls back at once, again and again. */
export function sawtooth(height: number, period: number, times: number): Trace {
  return Array.from({ length: period * times }, (_, i) => (height * (i % period)) / period);
}

/** Mostly little, sometimes very much (Pareto with exponent 1.5): the same every time. */
export function longTail(scale: number, seconds: number, seed = 1): Trace {
  let state = seed >>> 0;
  return Array.from({ length: seconds }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const uniform = (state + 1) / 2 ** 32;
    return Math.min(scale * 100, scale * (uniform ** (-1 / 1.5) - 1));
  });
}

export function constant(value: number, seconds: number): number[] {
  return Array.from({ length: seconds }, () => value);
}
