// The suite's results as text for the terminal and as docs/conformance.md.

/** @typedef {import('./run.mjs').Verdict} Verdict */

/** @param {{ group: string, verdicts: Verdict[] }[]} groups */
export function count(groups) {
  const totals = { pass: 0, fail: 0, skip: 0 };
  for (const { verdicts } of groups) for (const { test, result } of verdicts) if (!test.includes('/')) totals[result]++;
  return totals;
}

export function line({ test, result, seconds, why }) {
  return `${result.padEnd(4)}  ${seconds.toFixed(1).padStart(6)} s  ${test}${why === '' ? '' : `: ${why}`}`;
}

/**
 * @param {{ group: string, verdicts: Verdict[] }[]} groups
 * @param {{ version: string, date: string }} about
 */
export function document(groups, { version, date }) {
  const totals = count(groups);
  const lines = [
    '# Knative’s own tests',
    '',
    'Written by `npm run conformance -- --write`; do not edit. Each row is its test’s last run; the tests are those of knative/serving',
    `(${version}), run up to ${date} against \`zeroth up\`, with alpha, beta and optional parts on. The script builds them`,
    'from a checkout or from the Go module; nothing of them is kept here.',
    '',
    `**${totals.pass} passed, ${totals.fail} failed, ${totals.skip} skipped** (parts of a test are listed, not counted).`,
    '',
  ];
  for (const { group, verdicts } of groups) {
    const own = count([{ group, verdicts }]);
    lines.push(`## ${group}`, '', `${own.pass} passed, ${own.fail} failed, ${own.skip} skipped`, '');
    lines.push('| test | result | why |', '| --- | --- | --- |');
    for (const { test, result, why } of verdicts) lines.push(`| ${cell(test)} | ${result} | ${cell(why)} |`);
    lines.push('');
  }
  return lines.join('\n');
}

function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll(/[<>*_[\]`]/g, (sign) => `\\${sign}`);
}
