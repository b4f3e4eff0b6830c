import t from 'tap';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  ATOMIC_MAPS,
  ATOMIC_TYPES,
  GRANULAR_FIELDS,
  LISTS,
  PRESENT,
  STRUCT_PATCH,
} from '../../../../local/apiserver/builtin/facts.ts';
import { typeFields, typeNameOf } from '../../../../local/apiserver/builtin/types.ts';

t.test('the generated fields are those of the installed client', async (t) => {
  await t.resolves(promisify(execFile)(process.execPath, ['scripts/builtin-types.mjs', '--check']));
});

t.test('every fact is about a field that exists', async (t) => {
  const paths = [...Object.keys(LISTS), ...Object.keys(STRUCT_PATCH), ...ATOMIC_MAPS, ...GRANULAR_FIELDS, ...PRESENT];
  for (const path of paths) {
    const [group, version, type, ...field] = path.split('.');
    t.ok(typeFields(`${group}.${version}.${type}`)?.has(field.join('.')), path);
  }
  for (const type of ATOMIC_TYPES) t.ok(typeFields(type), type);
  for (const [path, facts] of Object.entries(LISTS)) {
    const [group, version, type, ...field] = path.split('.');
    const { type: list } = typeFields(`${group}.${version}.${type}`)?.get(field.join('.')) ?? {};
    t.equal(list?.is, 'list', path);
    const item = list?.is === 'list' && list.of.is === 'struct' ? typeFields(list.of.name) : undefined;
    for (const key of [...(facts.keys ?? []), ...(facts.merge ? [facts.merge] : [])])
      t.ok(item?.has(key), `${path} by ${key}`);
  }
});

t.test('kinds are found by group and version, and only Kubernetes’ own', async (t) => {
  t.equal(typeNameOf('', 'v1', 'Pod'), 'core.v1.Pod');
  t.equal(typeNameOf('apps', 'v1', 'Deployment'), 'apps.v1.Deployment');
  t.equal(typeNameOf('rbac.authorization.k8s.io', 'v1', 'Role'), 'rbac.v1.Role');
  t.equal(typeNameOf('', 'v1', 'Status'), 'meta.v1.Status');
  t.equal(typeNameOf('apps.example.com', 'v1', 'Deployment'), undefined);
  t.equal(typeNameOf('', 'v1', 'toString'), undefined);
});
