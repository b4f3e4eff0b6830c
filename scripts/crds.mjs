// Writes config/crds/ from config/schemas/: one CustomResourceDefinition a file, formatted.
// usage: node scripts/crds.mjs [--check]   --check writes nothing and exits 1 when a file differs
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { stringify } from 'yaml';
import { eventingKinds } from '../config/schemas/eventing.mjs';
import { internal } from '../config/schemas/internal.mjs';
import { serving } from '../config/schemas/serving.mjs';
import { string } from '../config/schemas/types.mjs';

const folder = fileURLToPath(new URL('../config/crds', import.meta.url));
const check = process.argv.includes('--check');
const HEADER = '# Written by scripts/crds.mjs from config/schemas/; change those.\n';

function definition(kind) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${kind.plural}.${kind.group}`,
      labels: {
        'app.kubernetes.io/name': kind.owner ?? 'knative-serving',
        'knative.dev/crd-install': 'true',
        ...kind.labels,
      },
    },
    spec: {
      group: kind.group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        ...(kind.shortNames ? { shortNames: kind.shortNames } : {}),
        categories: kind.categories,
      },
      scope: kind.scope ?? 'Namespaced',
      versions: [
        {
          name: kind.version,
          served: true,
          storage: true,
          subresources: { status: {} },
          ...(kind.columns.length > 0 ? { additionalPrinterColumns: kind.columns } : {}),
          schema: {
            openAPIV3Schema: {
              description: kind.description,
              type: 'object',
              properties: {
                apiVersion: string('The version of this API that the object is written in.'),
                kind: string('The kind of the object.'),
                metadata: { type: 'object' },
                spec: kind.spec,
                ...(kind.status ? { status: kind.status } : {}),
              },
            },
          },
        },
      ],
    },
  };
}

const options = await resolveConfig(join(folder, 'x.yaml'));
const wanted = new Map();
for (const kind of [...serving, ...internal, ...eventingKinds]) {
  const text = stringify(definition(kind), { lineWidth: 0, aliasDuplicateObjects: false });
  const file = `${kind.group}_${kind.plural}.yaml`;
  wanted.set(file, await format(HEADER + text, { ...options, parser: 'yaml' }));
}

const stale = [];
for (const file of await readdir(folder)) {
  if (wanted.has(file)) continue;
  stale.push(file);
  if (!check) await rm(join(folder, file));
}
for (const [file, text] of wanted) {
  if ((await readFile(join(folder, file), 'utf8').catch(() => '')) === text) continue;
  stale.push(file);
  if (!check) await writeFile(join(folder, file), text);
}
if (check && stale.length > 0) {
  console.error(`config/crds differs from config/schemas (run node scripts/crds.mjs): ${stale.join(', ')}`);
  process.exit(1);
}
