/** The fields of Kubernetes' own types, unpacked from types.json one type at a time, when first asked for. */
import packed from './types.json' with { type: 'json' };

/** `s` string, `b` boolean, `i` int32, `l` int64, `n` number, `q` quantity, `x` int-or-string, `t` time, `u` micro time, `y` bytes, `*` any JSON. */
export type Scalar = 's' | 'b' | 'i' | 'l' | 'n' | 'q' | 'x' | 't' | 'u' | 'y' | '*';

export type FieldType =
  | { readonly is: 'scalar'; readonly scalar: Scalar }
  | { readonly is: 'list'; readonly of: FieldType }
  | { readonly is: 'map'; readonly of: FieldType }
  | { readonly is: 'struct'; readonly name: string };

export interface TypeField {
  readonly type: FieldType;
  readonly required: boolean;
}

/** A struct's fields by their JSON names. */
export type TypeFields = ReadonlyMap<string, TypeField>;

const lines: Readonly<Record<string, string>> = packed;
const unpacked = new Map<string, TypeFields>();

/** @param name such as `core.v1.Container` */
export function typeFields(name: string): TypeFields | undefined {
  const known = unpacked.get(name);
  if (known !== undefined) return known;
  const line = Object.hasOwn(lines, name) ? lines[name] : undefined;
  if (line === undefined) return undefined;
  const fields = new Map<string, TypeField>();
  for (const entry of line.split(' ')) {
    if (entry === '') continue;
    const colon = entry.indexOf(':');
    const required = entry.endsWith('!');
    fields.set(entry.slice(0, colon), {
      type: unpackType(entry.slice(colon + 1, required ? -1 : undefined)),
      required,
    });
  }
  unpacked.set(name, fields);
  return fields;
}

const scalars = new Map<string, FieldType>();

function unpackType(code: string): FieldType {
  if (code.startsWith('[]')) return { is: 'list', of: unpackType(code.slice(2)) };
  if (code.startsWith('{}')) return { is: 'map', of: unpackType(code.slice(2)) };
  if (code.length > 1) return { is: 'struct', name: code };
  let scalar = scalars.get(code);
  if (scalar === undefined) scalars.set(code, (scalar = { is: 'scalar', scalar: code as Scalar }));
  return scalar;
}

/** API group → the package its types are named after. */
const PACKAGES: Readonly<Record<string, string>> = {
  '': 'core',
  'admissionregistration.k8s.io': 'admissionregistration',
  'apiextensions.k8s.io': 'apiextensions',
  'apiregistration.k8s.io': 'apiregistration',
  apps: 'apps',
  'authentication.k8s.io': 'authentication',
  'authorization.k8s.io': 'authorization',
  autoscaling: 'autoscaling',
  batch: 'batch',
  'certificates.k8s.io': 'certificates',
  'coordination.k8s.io': 'coordination',
  'discovery.k8s.io': 'discovery',
  'events.k8s.io': 'events',
  'networking.k8s.io': 'networking',
  'node.k8s.io': 'node',
  policy: 'policy',
  'rbac.authorization.k8s.io': 'rbac',
  'scheduling.k8s.io': 'scheduling',
  'storage.k8s.io': 'storage',
};

/** The type of a built-in kind, undefined when it is none. */
export function typeNameOf(group: string, version: string, kind: string): string | undefined {
  const home = Object.hasOwn(PACKAGES, group) ? PACKAGES[group] : undefined;
  if (home === undefined) return undefined;
  for (const name of [`${home}.${version}.${kind}`, `meta.${version}.${kind}`])
    if (Object.hasOwn(lines, name)) return name;
  return undefined;
}
