/** Aligned columns for a terminal: the head, then the rows, parted by three spaces. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  return [head, ...rows]
    .map((row) => {
      const padded = row.map((text, i) => text.padEnd(widths[i] ?? 0));
      return `${padded.join('   ').trimEnd()}\n`;
    })
    .join('');
}
