// What was fetched from real instances, and what is said about it: `graphs/NAME.jsonl` → `graphs/NAME.txt`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { diagnose } from '../../../cli/why/diagnose.ts';
import type { Graph } from '../../../cli/why/graph.ts';
import { renderDiagnosis } from '../../../cli/why/render.ts';

const FOLDER = join('test', 'cli', 'why', 'graphs');

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl'))) {
  const name = file.replace(/\.jsonl$/, '');
  t.test(name, (t) => {
    const graph = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Graph;
    const diagnosis = diagnose(graph);
    t.equal(renderDiagnosis(diagnosis, graph.now), readFileSync(join(FOLDER, `${name}.txt`), 'utf8'));
    t.equal(diagnosis.ready, diagnosis.cause === undefined, 'what is not ready has a cause, what is ready has none');
    t.strictSame(JSON.parse(JSON.stringify(diagnosis)), diagnosis, 'as data, nothing is lost');
    t.end();
  });
}
