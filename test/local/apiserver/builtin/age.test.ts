import t from 'tap';
import { ageOf, humanDuration } from '../../../../local/apiserver/builtin/age.ts';

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;
const CASES: [duration: number, text: string][] = [
  [-5 * S, '<invalid>'],
  [-1 * S, '0s'],
  [0, '0s'],
  [119 * S, '119s'],
  [2 * M, '2m'],
  [3 * M + 12 * S, '3m12s'],
  [10 * M + 30 * S, '10m'],
  [179 * M, '179m'],
  [3 * H, '3h'],
  [3 * H + 5 * M, '3h5m'],
  [8 * H + 5 * M, '8h'],
  [47 * H, '47h'],
  [2 * D, '2d'],
  [2 * D + 3 * H, '2d3h'],
  [8 * D + 3 * H, '8d'],
  [729 * D, '729d'],
  [2 * 365 * D + 10 * D, '2y10d'],
  [9 * 365 * D, '9y'],
];

t.test('ages read as kubectl prints them', async (t) => {
  for (const [duration, text] of CASES) t.equal(humanDuration(duration), text);
  t.equal(ageOf('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:00:05Z')), '5s');
  t.equal(ageOf(undefined, 0), '<unknown>');
  t.equal(ageOf('soon', 0), '<unknown>');
});
