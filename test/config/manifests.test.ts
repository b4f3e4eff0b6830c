import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  data?: Record<string, string>;
  subjects?: { kind: string; name: string; namespace: string }[];
  roleRef?: { kind: string; name: string };
  rules?: { verbs: string[]; resources: string[]; apiGroups: string[] }[];
}

const manifests = (folder: string): Manifest[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), 'utf8')))
    .map((document) => document.toJS() as Manifest);
const core = manifests('config/core');
const key = (manifest: Manifest) => `${manifest.kind}/${manifest.metadata.namespace ?? ''}/${manifest.metadata.name}`;

t.test('every default ConfigMap is labelled for validation and holds only strings', (t) => {
  const maps = core.filter(({ kind }) => kind === 'ConfigMap');
  t.equal(maps.length, 23);
  for (const map of maps) {
    t.equal(map.metadata.labels?.['app.kubernetes.io/name'], map.metadata.namespace, key(map));
    for (const value of Object.values(map.data ?? {})) t.type(value, 'string', key(map));
  }
  t.end();
});

t.test('no object is defined twice, and local mode changes only what is there', (t) => {
  const keys = core.map(key);
  t.equal(new Set(keys).size, keys.length);
  for (const overlay of manifests('config/local')) t.ok(keys.includes(key(overlay)), key(overlay));
  t.end();
});

t.test('roles are bound to accounts that exist, and grant no wildcard to a part', (t) => {
  const keys = new Set(core.map(key));
  for (const manifest of core) {
    for (const subject of manifest.subjects ?? [])
      t.ok(keys.has(`ServiceAccount/${subject.namespace}/${subject.name}`), key(manifest));
    if (manifest.roleRef !== undefined) {
      const namespace = manifest.roleRef.kind === 'Role' ? (manifest.metadata.namespace ?? '') : '';
      t.ok(keys.has(`${manifest.roleRef.kind}/${namespace}/${manifest.roleRef.name}`), key(manifest));
    }
    const forUsers = Object.keys(manifest.metadata.labels ?? {}).some((label) => label.includes('aggregate-to'));
    if (!forUsers)
      for (const rule of manifest.rules ?? [])
        t.notOk([...rule.verbs, ...rule.resources, ...rule.apiGroups].includes('*'), key(manifest));
  }
  t.end();
});
