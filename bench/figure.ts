/** One measured figure beside its target. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target: number;
  /** Is less better, or more? */
  readonly better: 'less' | 'more';
  /** How it was measured, in a few words. */
  readonly note?: string;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest-rank percentile of a non-empty list. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (value === undefined) throw new Error('no values');
  return value;
}

export function met(figure: Figure): boolean {
  return figure.better === 'less' ? figure.value <= figure.target : figure.value >= figure.target;
}

export function printFigures(figures: readonly Figure[]): void {
  const rows = figures.map((figure) => [
    met(figure) ? 'ok' : 'MISSED',
    figure.name,
    `${round(figure.value)} ${figure.unit}`,
    `${figure.better === 'less' ? '≤' : '≥'} ${figure.target} ${figure.unit}`,
    figure.note ?? '',
  ]);
  const head = ['', 'figure', 'measured', 'target', 'how'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  for (const row of [head, ...rows])
    console.log(
      row
        .map((text, i) => text.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
