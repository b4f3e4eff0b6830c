import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { parse } from 'yaml';

/** An OpenAPI schema as far as these tests read it. */
interface Schema {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema;
  default?: unknown;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
}

interface Definition {
  metadata: { name: string; labels: Record<string, string> };
  spec: {
    group: string;
    scope: string;
    names: { kind: string; plural: string; categories: string[]; shortNames?: string[] };
    versions: {
      name: string;
      schema: { openAPIV3Schema: Schema };
      additionalPrinterColumns?: { name: string; type: string }[];
    }[];
  };
}

const folder = 'config/crds';
const definitions = readdirSync(folder).map((file) => parse(readFileSync(join(folder, file), 'utf8')) as Definition);
const schemaOf = (definition: Definition) => definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};

t.test('the files are what the generator writes', (t) => {
  const run = spawnSync(process.execPath, ['scripts/crds.mjs', '--check'], { encoding: 'utf8' });
  t.equal(run.status, 0, run.stderr);
  t.end();
});

t.test('kinds, short names and columns are those that kubectl and kn users know', (t) => {
  const table = definitions.map(({ spec }) => [
    spec.names.kind,
    `${spec.group}/${spec.versions[0]?.name ?? ''}`,
    (spec.names.shortNames ?? []).join(','),
    (spec.versions[0]?.additionalPrinterColumns ?? []).map((column) => column.name).join(','),
  ]);
  t.strictSame(table.sort(), [
    ['Broker', 'eventing.knative.dev/v1', '', 'URL,Age,Ready,Reason,Class'],
    ['Certificate', 'networking.internal.knative.dev/v1alpha1', 'kcert', 'Ready,Reason'],
    ['ClusterDomainClaim', 'networking.internal.knative.dev/v1alpha1', 'cdc', ''],
    ['Configuration', 'serving.knative.dev/v1', 'config,cfg', 'LatestCreated,LatestReady,Ready,Reason'],
    ['DomainMapping', 'serving.knative.dev/v1beta1', 'dm', 'URL,Ready,Reason'],
    ['Image', 'caching.internal.knative.dev/v1alpha1', '', 'Image'],
    ['Ingress', 'networking.internal.knative.dev/v1alpha1', 'kingress,king', 'Ready,Reason'],
    ['Metric', 'autoscaling.internal.knative.dev/v1alpha1', '', 'Ready,Reason'],
    ['PodAutoscaler', 'autoscaling.internal.knative.dev/v1alpha1', 'kpa,pa', 'DesiredScale,ActualScale,Ready,Reason'],
    [
      'Revision',
      'serving.knative.dev/v1',
      'rev',
      'Config Name,Generation,Ready,Reason,Actual Replicas,Desired Replicas',
    ],
    ['Route', 'serving.knative.dev/v1', 'rt', 'URL,Ready,Reason'],
    [
      'ServerlessService',
      'networking.internal.knative.dev/v1alpha1',
      'sks',
      'Mode,Activators,ServiceName,PrivateServiceName,Ready,Reason',
    ],
    ['Service', 'serving.knative.dev/v1', 'kservice,ksvc', 'URL,LatestCreated,LatestReady,Ready,Reason'],
    ['Trigger', 'eventing.knative.dev/v1', '', 'Broker,Subscriber_URI,Age,Ready,Reason'],
  ]);
  for (const { metadata, spec } of definitions) t.equal(metadata.name, `${spec.names.plural}.${spec.group}`);
  t.end();
});

t.test('a real API server takes the schemas: they are structural', (t) => {
  for (const definition of definitions) {
    const faults: string[] = [];
    visit(schemaOf(definition), '', (schema, path) => {
      if (schema.type === undefined && schema['x-kubernetes-int-or-string'] !== true) faults.push(`${path}: no type`);
      if (schema.type === 'array' && schema.items === undefined) faults.push(`${path}: no items`);
      if (schema.properties !== undefined && schema.additionalProperties !== undefined)
        faults.push(`${path}: properties and additionalProperties`);
      for (const name of schema.required ?? [])
        if (schema.properties?.[name] === undefined) faults.push(`${path}: requires unknown ${name}`);
      const keys = schema['x-kubernetes-list-map-keys'];
      if ((schema['x-kubernetes-list-type'] === 'map') !== (keys !== undefined))
        faults.push(`${path}: map without keys`);
      for (const key of keys ?? []) {
        const property = schema.items?.properties?.[key];
        const always = schema.items?.required?.includes(key) === true || property?.default !== undefined;
        if (!always) faults.push(`${path}: the key ${key} may be missing`);
      }
    });
    t.strictSame(faults, [], definition.spec.names.kind);
  }
  t.end();
});

t.test('kubectl explain has a sentence for every field', (t) => {
  for (const definition of definitions) {
    const silent: string[] = [];
    visit(schemaOf(definition), '', (schema, path) => {
      for (const [name, property] of Object.entries(schema.properties ?? {}))
        if (!property.description && `${path}.${name}` !== '.metadata') silent.push(`${path}.${name}`);
    });
    t.strictSame(silent, [], definition.spec.names.kind);
  }
  t.end();
});

t.test('what the controllers write is not pruned: api/ and the schemas name the same fields', (t) => {
  const files = [
    ...['service', 'configuration', 'revision', 'route', 'domain-mapping'].map((name) => `api/serving/${name}.ts`),
    ...['certificate', 'ingress', 'serverless-service'].map((name) => `api/networking/${name}.ts`),
    ...['broker', 'trigger'].map((name) => `api/eventing/${name}.ts`),
    'api/autoscaling/pod-autoscaler.ts',
    'api/caching.ts',
  ];
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const interfaces = new Map<string, ts.Type>();
  for (const file of files) {
    const source = program.getSourceFile(file);
    source?.forEachChild((node) => {
      if (ts.isInterfaceDeclaration(node)) interfaces.set(node.name.text, checker.getTypeAtLocation(node));
    });
  }
  for (const definition of definitions) {
    const kind = definition.spec.names.kind;
    const type = interfaces.get(kind);
    if (type === undefined) {
      t.fail(`api/ has no ${kind}`);
      continue;
    }
    const differences: string[] = [];
    const schema = schemaOf(definition);
    for (const part of ['spec', 'status']) {
      const field = type.getProperty(part);
      const wanted = schema.properties?.[part];
      if (field === undefined || wanted === undefined) {
        if (field !== wanted) differences.push(part);
        continue;
      }
      compare(checker, checker.getTypeOfSymbol(field), wanted, part, differences);
    }
    t.strictSame(differences, [], kind);
  }
  t.end();
});

function visit(schema: Schema, path: string, see: (schema: Schema, path: string) => void): void {
  see(schema, path);
  for (const [name, property] of Object.entries(schema.properties ?? {})) visit(property, `${path}.${name}`, see);
  if (schema.items !== undefined) visit(schema.items, `${path}[]`, see);
  if (schema.additionalProperties !== undefined) visit(schema.additionalProperties, `${path}{}`, see);
}

/** Fields of the pod are Kubernetes' (the type has more than Knative lets through), so there only the schema's count. */
function compare(checker: ts.TypeChecker, declared: ts.Type, schema: Schema, path: string, out: string[]): void {
  const type = checker.getNonNullableType(declared);
  if (schema.items !== undefined) {
    const element = checker.getIndexTypeOfType(type, ts.IndexKind.Number);
    if (element === undefined) out.push(`${path}: not a list in api/`);
    else compare(checker, element, schema.items, `${path}[]`, out);
    return;
  }
  if (schema.properties === undefined || schema['x-kubernetes-preserve-unknown-fields'] === true) return;
  const ofPod =
    schema.properties['containers'] !== undefined || path.includes('containers[]') || path.includes('volumes[]');
  const names = new Set(type.getProperties().map((property) => property.name));
  for (const [name, property] of Object.entries(schema.properties)) {
    const symbol = type.getProperty(name);
    if (symbol === undefined) out.push(`${path}.${name}: not in api/`);
    else compare(checker, checker.getTypeOfSymbol(symbol), property, `${path}.${name}`, out);
    names.delete(name);
  }
  if (!ofPod) for (const name of names) out.push(`${path}.${name}: not in the schema`);
}
