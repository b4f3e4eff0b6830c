// Writes docs/compatibility.md: every kind, field, flag, annotation and ConfigMap key of Serving, each with the test that
// holds it or a word on why it is different. From config/crds, the ConfigMaps' examples, the case files of the tests and
// docs/compatibility/evidence.yaml. Fails when something has neither, or when a test that is named is not there.
// usage: node scripts/compatibility.mjs [--check]   --check writes nothing and exits 1 when the page is stale
import { build } from 'esbuild';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('..', import.meta.url));
const PAGE = 'docs/compatibility.md';
const MANIFESTS = 'test/serving/controller/validation/cases';
const MAPS = 'test/serving/controller/config/cases';
const TICK = '✓';
const read = (path) => readFile(join(root, path), 'utf8');
const yaml = async (path) => parse(await read(path));

const problems = [];
const evidence = await yaml('docs/compatibility/evidence.yaml');
const { keys, AUTOSCALING_ANNOTATIONS, FEATURE_DEFAULTS, SOUND, put } = await constants();
const titles = await testFiles();
const cases = await manifestCases();
const mapCases = await configCases();

/** The constants of the code, without a build. */
async function constants() {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        export * as keys from './serving/controller/keys.ts';
        export { AUTOSCALING_ANNOTATIONS } from './serving/controller/validation/autoscaling.ts';
        export { FEATURE_DEFAULTS } from './serving/controller/config/features.ts';
        export { SOUND } from './test/serving/controller/sound.ts';
        export { put } from './test/serving/controller/admit.ts';`,
      resolveDir: root,
      loader: 'ts',
    },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    external: ['yaml'],
    logLevel: 'error',
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire('${join(root, 'x.js')}');`,
    },
  });
  const text = outputFiles[0].text.replaceAll('from "yaml"', `from "${import.meta.resolve('yaml')}"`);
  return import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`);
}

/** Every test file with its text. */
async function testFiles() {
  const files = (await readdir(join(root, 'test'), { recursive: true })).filter((file) => file.endsWith('.test.ts'));
  return new Map(await Promise.all(files.sort().map(async (file) => [`test/${file}`, await read(`test/${file}`)])));
}

/** A link to the test, or undefined and a problem told. */
function linkTo({ test, file }, what) {
  if (file !== undefined && !titles.has(file)) return void problems.push(`${what}: there is no ${file}`);
  if (test === undefined) return `[${nameOf(file)}](../${file})`;
  const variants = [test, test.replaceAll("'", "\\'"), test.replaceAll('’', "'")];
  const found = [...titles].find(
    ([path, text]) => (file === undefined || path === file) && variants.some((variant) => hasTitle(text, variant)),
  );
  if (found === undefined) return void problems.push(`${what}: no test is called “${test}”`);
  return `[${test}](../${found[0]})`;
}

function hasTitle(text, title) {
  return (
    ["'", '"', '`'].some((quote) => text.includes(`test(${quote}${title}${quote}`)) ||
    new RegExp(`test\\(\\s+['"\`]${escaped(title)}['"\`]`).test(text)
  );
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const nameOf = (file) => file.replace(/^test\/serving\/controller\//, '').replace(/\.test\.ts$/, '');

/** Case files by theme, with the manifests they make. */
async function manifestCases() {
  const files = (await readdir(join(root, MANIFESTS))).sort();
  const all = await Promise.all(
    files.map(async (file) => (await yaml(`${MANIFESTS}/${file}`)).map((one) => ({ file, one }))),
  );
  return all.flat().map(({ file, one }) => {
    const kind = one.kind ?? 'Service';
    const templated = kind === 'Service' || kind === 'Configuration';
    const pod = templated ? 'spec.template.spec' : 'spec';
    const annotations = templated ? 'spec.template.metadata.annotations' : 'metadata.annotations';
    const changes = Object.entries({ ...one.set, ...one.then, ...one.gives }).map(([path, value]) => [
      path
        .replace(/^\$A\.(.+)$/, (_, name) => `${annotations}."autoscaling.knative.dev/${name}"`)
        .replace(/^\$C/, `${pod}.containers[0]`)
        .replace(/^\$S/, pod),
      value,
    ]);
    const manifest = put(SOUND[kind], Object.fromEntries(changes));
    return { file, kind, manifest, one, accepted: file.startsWith('accepted-') };
  });
}

async function configCases() {
  const [accepted, refused] = await Promise.all([yaml(`${MAPS}/accepted.yaml`), yaml(`${MAPS}/refused.yaml`)]);
  return (map, key) => {
    // Keys of a user's own making have a prefix in common.
    const prefix = /^[a-z-]+-prefix\./.exec(key)?.[0];
    const isIt = (one) => one === key || (prefix !== undefined && one.startsWith(prefix));
    const has = (list) => (list[map] ?? []).some(({ data }) => Object.keys(data).some(isIt));
    return has(refused) || has(accepted);
  };
}

const caseLink = (file) => `[${file.replace(/\.yaml$/, '')}](../${MANIFESTS}/${file})`;

/** Paths of a value as the schema names them. */
function pathsIn(value, path = '', found = new Set()) {
  if (path !== '') found.add(path);
  if (Array.isArray(value)) for (const item of value) pathsIn(item, `${path}[]`, found);
  else if (typeof value === 'object' && value !== null)
    for (const [key, child] of Object.entries(value)) pathsIn(child, path === '' ? key : `${path}.${key}`, found);
  return found;
}

/** The first case file in which each field of each kind stands. A Revision's pod stands in templates too. */
function coverage() {
  const covered = new Map();
  for (const { kind, manifest, file, accepted } of [...cases].sort((a, b) => Number(b.accepted) - Number(a.accepted)))
    for (const path of pathsIn(manifest)) {
      const inTemplate = /^spec\.template\.spec\.(.+)$/.exec(path);
      const keys = [`${kind}.${path}`];
      if (inTemplate !== null) keys.push(`Revision.spec.${inTemplate[1]}`);
      // A Service hands its template on as it is.
      if (kind === 'Service' && path.startsWith('spec.template')) keys.push(`Configuration.${path}`);
      for (const key of keys) if (!covered.has(key)) covered.set(key, { file, accepted });
    }
  return covered;
}

function fieldsOf(schema, path = '', found = []) {
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`;
    found.push({ path: child.type === 'array' ? `${at}[]` : at, description: child.description ?? '' });
    fieldsOf(child, at, found);
    if (child.items !== undefined) fieldsOf(child.items, `${at}[]`, found);
  }
  return found;
}

/** Does the path fit the pattern, in which * stands for anything and [[]] for []? */
function fits(pattern, path) {
  return new RegExp(
    `^${pattern
      .split('*')
      .map((part) => escaped(part.replaceAll('[[]]', '[]')))
      .join('.*')}$`,
  ).test(path);
}

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`)
    .join('\n');
const code = (text) => `\`${text}\``;

/** A tick and where it comes from, or a note. */
function holds(entry, what) {
  if (entry.note !== undefined) return ['–', entry.note];
  const link = linkTo(entry, what);
  return link === undefined ? ['', ''] : [TICK, link];
}

async function kindSections() {
  const covered = coverage();
  const files = (await readdir(join(root, 'config/crds'))).filter((file) => !file.startsWith('eventing'));
  const definitions = await Promise.all(files.map((file) => yaml(`config/crds/${file}`)));
  const order = ['Service', 'Configuration', 'Revision', 'Route', 'DomainMapping'];
  const rank = ({ spec }) => (order.includes(spec.names.kind) ? order.indexOf(spec.names.kind) : order.length);
  definitions.sort((a, b) => rank(a) - rank(b) || (a.spec.names.kind < b.spec.names.kind ? -1 : 1));
  return definitions.map(({ spec }) => {
    const { kind, shortNames = [] } = spec.names;
    const [version] = spec.versions;
    const templated = kind === 'Service' || kind === 'Configuration';
    const rows = fieldsOf(version.schema.openAPIV3Schema)
      .filter(({ path }) => !['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(path))
      .filter(({ path }) => !(templated && path.startsWith('spec.template.spec.')))
      .map(({ path }) => {
        const bare = path.replace(/\[\]$/, '');
        const seen = covered.get(`${kind}.${bare}`) ?? covered.get(`${kind}.${path}`);
        if (seen !== undefined) return [path, TICK, caseLink(seen.file)];
        const entry = Object.entries(evidence.fields).find(
          ([pattern]) => fits(pattern, `${kind}.${bare}`) || fits(pattern, `${kind}.${path}`),
        );
        if (entry === undefined) {
          problems.push(`${kind}.${path}: no case has it, and evidence.yaml does not say why`);
          return [path, '', ''];
        }
        return [path, ...holds(entry[1], `${kind}.${path}`)];
      });
    const also = shortNames.length === 0 ? '' : ` (${shortNames.map(code).join(', ')})`;
    const pod = templated ? '\n`spec.template.spec` has the fields of a [Revision](#revision)’s `spec`.\n' : '';
    return `### ${kind}\n\n${code(`${spec.group}/${version.name}`)}${also}\n${pod}\n${table(['field', '', 'held by'], together(rows))}`;
  });
}

/** Neighbours in the tree of fields that the same thing holds, in one row. */
function together(rows) {
  const groups = new Map();
  for (const [path, ...rest] of rows) {
    const dot = path.lastIndexOf('.');
    const key = JSON.stringify([path.slice(0, dot), ...rest]);
    groups.set(key, {
      parent: path.slice(0, dot),
      rest,
      names: [...(groups.get(key)?.names ?? []), path.slice(dot + 1)],
    });
  }
  return [...groups.values()].map(({ parent, rest, names }) => [
    names.length === 1 ? code(`${parent}.${names[0]}`) : `${code(parent)}: ${names.map(code).join(', ')}`,
    ...rest,
  ]);
}

function flagRows() {
  return Object.entries(FEATURE_DEFAULTS).map(([flag, byDefault]) => {
    const says = (one, value) =>
      [one.feature ?? []].flat().includes(flag)
        ? value === 'enabled'
        : one.config?.['config-features']?.[flag]?.toLowerCase() === value;
    const open = cases.find(({ one, accepted }) => accepted && (says(one, 'enabled') || says(one, 'allowed')));
    const shut = cases.find(({ one, accepted }) => !accepted && says(one, 'disabled'));
    const idle = evidence.maps['config-features'].idle.some((pattern) => fits(pattern, flag));
    if (idle) return [code(flag), byDefault, '–', 'Read, and acts on nothing: see above.'];
    const links = [open, shut].filter(Boolean).map(({ file, one }) => `${one.name}: ${caseLink(file)}`);
    if (links.length === 0) {
      const other = FLAG_TESTS[flag];
      if (other === undefined) return (problems.push(`flag ${flag}: no case has it`), [code(flag), byDefault, '', '']);
      return [code(flag), byDefault, ...holds(other, `flag ${flag}`)];
    }
    return [code(flag), byDefault, TICK, links.join('; ')];
  });
}

/** Flags that act elsewhere than at admission. */
const FLAG_TESTS = {
  'tag-header-based-routing': { test: 'an ingress in front chooses the revision by header, from inside only' },
  'kubernetes.podspec-dryrun': { file: 'test/serving/controller/dry-run.test.ts' },
  'multi-container': { file: 'test/serving/controller/validation/refused-manifests.test.ts' },
};

function keyRows() {
  const constants = Object.entries(keys)
    .filter(([name, value]) => name === name.toUpperCase() && (typeof value === 'string' || Array.isArray(value)))
    .map(([, value]) => [value].flat())
    .filter(([first]) => first.includes('/'));
  const all = new Map([...AUTOSCALING_ANNOTATIONS, ...constants].map((list) => [list[0], list]));
  return [...all.values()].map((list) => {
    const [first, ...older] = list;
    const what = `${code(first)}${older.length === 0 ? '' : ` (${older.map(code).join(', ')})`}`;
    const seen = cases.find(
      ({ manifest, accepted }) => accepted && list.some((key) => JSON.stringify(manifest).includes(`"${key}"`)),
    );
    const entry = evidence.keys[first];
    if (entry !== undefined) return [what, ...holds(entry, first)];
    if (seen !== undefined) return [what, TICK, caseLink(seen.file)];
    problems.push(`${first}: no case has it, and evidence.yaml does not say why`);
    return [what, '', ''];
  });
}

/** Keys and what stands for them in an example. */
function exampleOf(map) {
  return Object.entries(parse(map.data?._example ?? '') ?? {});
}

async function mapSections() {
  const files = (await readdir(join(root, 'config/core/serving'))).filter((file) => file.startsWith('config-'));
  return Promise.all(
    files.sort().map(async (file) => {
      const map = await yaml(`config/core/serving/${file}`);
      const { name } = map.metadata;
      const { live, idle = [] } = evidence.maps[name] ?? {};
      const acts =
        live === undefined
          ? 'Checked when it is written; acts on nothing (see above).'
          : `Acts at once: ${linkTo({ test: live }, name)}.`;
      const rows = exampleOf(map).map(([key, value]) => {
        const quiet = idle.some((pattern) => fits(pattern, key));
        const own = key.startsWith('zeroth.');
        const checked = own || name === 'config-domain' || name === 'config-features' || mapCases(name, key);
        if (!checked) problems.push(`${name} ${key}: no case of ${MAPS} has it`);
        const shown = typeof value === 'string' ? value.trim().split('\n')[0] : JSON.stringify(value);
        return [
          code(key),
          shown === '' ? '' : code(shown),
          checked ? TICK : '',
          quiet ? '–' : own ? 'zeroth’s own' : TICK,
        ];
      });
      const body = rows.length === 0 ? '' : `\n\n${table(['key', 'example or default', 'checked', 'acts'], rows)}`;
      return `### ${name}\n\n${acts}${body}`;
    }),
  );
}

const differences = table(
  ['what', 'here', 'why'],
  evidence.differences.map(({ what, here, why }) => [what, here.trim(), why]),
);
const features = evidence.features.map(
  ({ area, items }) =>
    `### ${area}\n\n${table(
      ['feature', '', 'held by'],
      items.map((item) => [item.feature, ...holds(item, item.feature)]),
    )}`,
);
const refused = cases.filter(({ accepted }) => !accepted).length;
const page = `<!-- Written by \`npm run docs:compatibility\`; change docs/compatibility/evidence.yaml, the schemas, the ConfigMaps or the tests. -->

# Compatibility with Knative Serving

What a Knative Serving v1 user may write or rely on, and what holds it here. A tick stands beside the test that would fail if it stopped being true: a test by its title, or a file of [cases](../${MANIFESTS}) that an API server answers (${refused} manifests that are refused, with the text, and ${cases.length - refused} unusual ones that are taken). Compared with Knative Serving of August 2026.

## What is different

${differences}

## Features

${features.join('\n\n')}

## Kinds and their fields

${(await kindSections()).join('\n\n')}

## Feature flags

Keys of \`config-features\`, with Knative’s defaults. On one machine \`zeroth up\` opens a few more ([config/local](../config/local/configmaps.yaml)).

${table(['flag', 'default', '', 'held by'], flagRows())}

## Annotations and labels

The older spelling in brackets counts where the newer one is absent.

${table(['key', '', 'held by'], keyRows())}

## ConfigMaps

Every key is checked when it is written, and refused with Knative’s words: [cases](../${MAPS}/refused.yaml).

${(await mapSections()).join('\n\n')}
`;

if (problems.length > 0) {
  console.error(`docs/compatibility.md cannot be written:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
  process.exit(1);
}
const path = join(root, PAGE);
const text = await format(page, { ...(await resolveConfig(path)), filepath: path });
if (process.argv.includes('--check')) {
  const committed = await readFile(path, 'utf8').catch(() => '');
  if (committed === text) process.exit(0);
  console.error(`${PAGE} is stale; run: npm run docs:compatibility`);
  process.exit(1);
}
await writeFile(path, text);
