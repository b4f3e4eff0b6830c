import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import t from 'tap';
import { ApiError } from '../../../../kube/errors.ts';
import { compileSchema } from '../../../../local/apiserver/schema/structural.ts';
import type { Schema } from '../../../../local/apiserver/schema/schema.ts';
import { FEATURE_DEFAULTS } from '../../../../serving/controller/config/features.ts';
import { admit, withDefaults, type Manifest, type Request } from '../admit.ts';
import { SOUND } from '../sound.ts';
import { Answers } from '../validation/cases.ts';
import { changed, changes, SCHEMAS } from './manifests.ts';

/** Milliseconds: far more than any answer takes, the machine being busy; a manifest of megabytes takes longer. */
const LONGEST = 1_000;
const LONGEST_OF_HUGE = 5_000;
const kinds = Object.keys(SOUND);

const flags = fc.dictionary(
  fc.constantFrom(...Object.keys(FEATURE_DEFAULTS), 'secure-pod-defaults'),
  fc.constantFrom('Enabled', 'allowed', 'disabled', 'AllowRootBounded'),
);

const compiled = new Map([...SCHEMAS].map(([kind, schema]) => [kind, compileSchema(schema as Schema)]));

/** Something of a depth that no manifest has. */
function deep(levels: number): unknown {
  let value: unknown = 'x';
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? { a: value } : [value];
  return value;
}

/** The manifest as admission gets it; undefined when the server cannot even read its metadata. */
function decoded(kind: string, manifest: Manifest): Manifest | undefined {
  try {
    return compiled.get(kind)?.prune(manifest).object;
  } catch (error) {
    if (error instanceof ApiError && error.code === 400) return undefined;
    throw error;
  }
}

function timed<T>(work: () => T): [T, number] {
  const began = performance.now();
  return [work(), performance.now() - began];
}

for (const kind of kinds)
  t.test(`defaulting and validation of ${kind} answer whatever comes, soon`, (t) => {
    let slowest = 0;
    const list = fc.array(changes(kind, true), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(list, list, flags, fc.boolean(), (first, second, features, update) => {
        const schema = compiled.get(kind);
        const config = { 'config-features': features };
        const given = changed(SOUND[kind] ?? {}, first);
        const old = update ? withDefaults(SOUND[kind] ?? {}, { config }) : undefined;
        const request: Request = { config, old };
        const pruned = decoded(kind, changed(given, second));
        if (pruned === undefined) return true;
        // What the schema has yet to refuse is defaulted all the same, in whatever shape it is.
        const [defaulted, took] = timed(() => withDefaults(pruned, request));
        const sound = schema?.validate(schema.prune(defaulted).object).length === 0;
        const [, more] = sound ? timed(() => admit(pruned, request)) : [0, 0];
        slowest = Math.max(slowest, took, more);
        return took < LONGEST && more < LONGEST;
      }),
      { numRuns: 400 },
    );
    t.comment(`slowest ${slowest.toFixed(1)} ms`);
    t.end();
  });

t.test('the API server refuses hostile manifests in words, and is well afterwards', async (t) => {
  const answers = await Answers.open();
  t.teardown(() => answers.close());
  const hostile = kinds.flatMap((kind) =>
    fc
      .sample(fc.array(changes(kind, true), { minLength: 1, maxLength: 6 }), 40)
      .map((list) => ({ kind, manifest: changed(SOUND[kind] ?? {}, list) })),
  );
  const huge = Array.from({ length: 5_000 }, (_, i) => ({ name: `E${i}`, value: 'x'.repeat(20) }));
  const many = Array.from({ length: 2_000 }, (_, i) => ({ image: 'web', name: `c${i}`, ports: [] }));
  const same = Array.from({ length: 2_000 }, () => ({ name: 'c', envFrom: [{ secretRef: { name: 's' } }, {}] }));
  for (const value of [deep(2_000), huge, many, same, 'x'.repeat(1_000_000)])
    for (const path of [['env'], ['image'], ['securityContext'], []])
      hostile.push({
        kind: 'Service',
        manifest: changed(SOUND['Service'] ?? {}, [
          { path: ['spec', 'template', 'spec', 'containers', ...(path.length === 0 ? [] : [0, ...path])], value },
        ]),
      });
  const seen = new Map<number, number>();
  for (const { manifest } of hostile) {
    const began = performance.now();
    const { status, message } = await answers.send(manifest);
    const took = performance.now() - began;
    seen.set(status, (seen.get(status) ?? 0) + 1);
    if (status >= 500 || took > LONGEST_OF_HUGE)
      t.fail(`${status} after ${took.toFixed(0)} ms: ${message.slice(0, 300)}`, {
        manifest: JSON.stringify(manifest).slice(0, 2_000),
      });
  }
  t.comment(`answers: ${[...seen].map(([status, count]) => `${count} × ${status}`).join(', ')}`);
  t.equal((await answers.answer({ name: 'a sound one' })).refused, undefined, 'a sound one is still taken');
});
