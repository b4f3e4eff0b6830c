import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { ImageStore } from '../../../local/node/image-store.ts';

const root = mkdtempSync(join(tmpdir(), 'zeroth-images-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));
let number = 0;

type Files = Record<string, string | { link: string } | { run: string }>;

function folderOf(files: Files): string {
  const folder = join(root, `source-${String(number++)}`);
  mkdirSync(folder);
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    if (typeof content === 'string') writeFileSync(file, content);
    else if ('link' in content) symlinkSync(content.link, file);
    else {
      writeFileSync(file, content.run);
      chmodSync(file, 0o700);
    }
  }
  return folder;
}

const openStore = (): Promise<ImageStore> => ImageStore.open(join(root, `state-${String(number++)}`));

const SCRIPT = '#!/bin/sh\nexec sleep 1\n';

for (const [name, files, argv] of [
  [
    'a Procfile',
    { Procfile: 'release: x\nweb: node  server.mjs --name "a b"\n', 'server.js': '' },
    ['node', 'server.mjs', '--name', 'a b'],
  ],
  [
    'a Procfile that needs a shell',
    { Procfile: 'web: node a.js --port $PORT\n' },
    ['/bin/sh', '-c', 'node a.js --port $PORT'],
  ],
  [
    'a Procfile with a variable before the program',
    { Procfile: 'web: A=1 node a.js' },
    ['/bin/sh', '-c', 'A=1 node a.js'],
  ],
  ['a start script of node', { 'package.json': '{"scripts":{"start":"node index.js"}}' }, ['node', 'index.js']],
  [
    'a start script of something else',
    { 'package.json': '{"scripts":{"start":"tsx a.ts"}}' },
    ['npm', 'start', '--silent'],
  ],
  [
    'a start script with one before it',
    { 'package.json': '{"scripts":{"start":"node a","prestart":"x"}}' },
    ['npm', 'start', '--silent'],
  ],
  [
    'a start script of a local program',
    { 'package.json': '{"scripts":{"start":"fastify start a.js"}}', 'node_modules/.bin/fastify': { run: SCRIPT } },
    ['./node_modules/.bin/fastify', 'start', 'a.js'],
  ],
  ['one executable', { run: { run: SCRIPT }, 'notes.txt': '' }, ['./run']],
  ['server.mjs', { 'server.mjs': '', 'package.json': '{}' }, ['node', 'server.mjs']],
  ['an executable server.js without #!', { 'server.js': { run: '' } }, ['node', 'server.js']],
  ['server.py', { 'server.py': '' }, ['python3', 'server.py']],
] satisfies [string, Files, string[]][]) {
  void t.test(`a folder starts by ${name}`, async (t) => {
    const store = await openStore();
    await store.build(folderOf(files), 'app');
    t.same(store.resolve('app')?.argv, argv);
  });
}

for (const [name, files, message] of [
  ['nothing to start', { 'a.txt': '' }, /cannot tell how to start .*: add a Procfile/],
  ['two executables', { a: { run: SCRIPT }, b: { run: SCRIPT } }, /2 executables: name one in a Procfile/],
  ['a package.json that is not JSON', { 'package.json': '{' }, /package\.json is not JSON/],
] satisfies [string, Files, RegExp][]) {
  void t.test(`building ${name} says what to do`, async (t) => {
    const store = await openStore();
    await t.rejects(store.build(folderOf(files), 'app'), { message });
    t.equal(store.resolve('app'), undefined);
    t.same(store.list(), []);
  });
}

void t.test('the digest is that of the content, whatever the dates, masks and order', async (t) => {
  const files: Files = { 'server.mjs': 'x', 'lib/a.js': 'a', 'lib/link': { link: 'a.js' }, tool: 'plain' };
  const one = folderOf(files);
  const two = folderOf(Object.fromEntries(Object.entries(files).reverse()));
  utimesSync(join(two, 'lib/a.js'), 1, 1);
  chmodSync(join(two, 'lib/a.js'), 0o600);
  const [a, b] = [await openStore(), await openStore()];
  const first = await a.build(one, 'hello');
  t.equal((await b.build(two, 'other:1.0')).digest, first.digest);
  t.equal((await a.build(one, 'hello')).digest, first.digest);
  for (const change of [
    () => writeFileSync(join(two, 'lib/a.js'), 'b'),
    () => chmodSync(join(two, 'tool'), 0o755),
    () => mkdirSync(join(two, 'empty')),
  ]) {
    const before = (await b.build(two, 'other')).digest;
    change();
    t.not((await b.build(two, 'other')).digest, before);
  }
});

void t.test('links and modes are kept, .git and what is ignored stay out', async (t) => {
  const store = await openStore();
  const folder = folderOf({
    'server.mjs': 'x',
    bin: { run: SCRIPT },
    Procfile: 'web: ./bin',
    link: { link: 'server.mjs' },
    '.git/HEAD': 'ref',
    'node_modules/keep/index.js': '',
    'node_modules/drop/index.js': '',
    'a.log': '',
    'deep/b.log': '',
    '.zerothignore': '# logs\n**/*.log\nnode_modules\n!node_modules/keep\n',
  });
  await store.build(folder, 'app');
  const files = store.resolve('app')?.folder ?? '';
  t.same(readdirSync(files, { recursive: true }).sort(), [
    'Procfile',
    'bin',
    'deep',
    'link',
    'node_modules',
    'node_modules/keep',
    'node_modules/keep/index.js',
    'server.mjs',
  ]);
  t.equal(readlinkSync(join(files, 'link')), 'server.mjs');
  t.equal(statSync(join(files, 'bin')).mode & 0o777, 0o755);
});

void t.test('references in every form that clients produce mean the same image', async (t) => {
  const store = await openStore();
  const { digest } = await store.build(folderOf({ 'server.mjs': 'one' }), 'hello');
  const tagged = await store.build(folderOf({ 'server.mjs': 'two' }), 'hello:v2');
  for (const reference of [
    'hello',
    'hello:latest',
    'index.docker.io/library/hello',
    'docker.io/library/hello:latest',
    'dev.local/hello',
    `hello@${digest}`,
    `index.docker.io/library/hello@${digest}`,
    `hello:v2@${digest}`,
  ])
    t.equal(store.resolve(reference)?.digest, digest, reference);
  t.equal(store.resolve('hello:v2')?.digest, tagged.digest);
  t.equal(store.digestOf('dev.local/hello'), `hello@${digest}`);
  t.same(
    store.list().map((image) => image.reference),
    ['hello:latest', 'hello:v2'],
  );
  await store.build(folderOf({ 'server.mjs': 'three' }), 'hello/inner');
  t.equal(store.resolve('hello')?.digest, digest, 'a longer name takes nothing away');
  t.ok(store.resolve('hello/inner'));
});

void t.test('what is missing or malformed is told with the command that helps', async (t) => {
  const store = await openStore();
  t.throws(() => store.digestOf('hello'), {
    message: 'image "hello" is not in the store; run: zeroth build DIR -t hello',
  });
  t.throws(() => store.digestOf('index.docker.io/library/x:v1'), {
    message: 'image "index.docker.io/library/x:v1" is not in the store; run: zeroth build DIR -t x:v1',
  });
  t.equal(store.resolve('../../etc/passwd'), undefined);
  t.equal(store.resolve(`hello@sha256:${'0'.repeat(64)}`), undefined);
  const folder = folderOf({ 'server.mjs': '' });
  await t.rejects(store.build(folder, 'Hello World'), { message: /invalid image name "Hello World"/ });
  await t.rejects(store.build(join(folder, 'none'), 'x'), { message: /none is not a folder/ });
  await t.rejects(store.build(folder, 'x', { entries: 0, bytes: 1 }), { message: /more than 0 entries/ });
});

void t.test('an executable of the host is an image of its own', async (t) => {
  const store = await openStore();
  t.same(store.resolve('/bin/sh')?.argv, ['/bin/sh']);
  t.same(store.resolve('file:///bin/sh')?.argv, ['/bin/sh']);
  t.equal(store.digestOf('/bin/sh'), '');
  t.equal(store.resolve('/etc/passwd'), undefined);
  t.equal(store.resolve('/bin'), undefined);
});

void t.test('builds at the same time, also by several stores, end with whole images and nothing else', async (t) => {
  const dir = join(root, `state-${String(number++)}`);
  const [a, b] = [await ImageStore.open(dir), await ImageStore.open(dir)];
  const folders = ['one', 'two'].map((text) => folderOf({ 'server.mjs': text }));
  const built = await Promise.all(
    Array.from({ length: 12 }, (_, index) => [a, b][index % 2]?.build(folders[index % 3 === 0 ? 0 : 1] ?? '', 'same')),
  );
  const image = a.resolve('same');
  t.ok(built.some((one) => one?.digest === image?.digest));
  t.match(readFileSync(join(image?.folder ?? '', 'server.mjs'), 'utf8'), /one|two/);
  t.same(readdirSync(join(dir, 'images', 'staging')), []);
  t.equal(existsSync(join(image?.folder ?? '', '..', 'image.json')), true);
});

void t.test('whoever waits for an image hears of its build, also by another process, under any name', async (t) => {
  const dir = join(root, `state-${String(number++)}`);
  const [reader, builder] = [await ImageStore.open(dir), await ImageStore.open(dir)];
  const folder = folderOf({ 'server.mjs': 'one' });
  let told: () => void = () => undefined;
  // Watching alone keeps no process alive.
  const alive = setInterval(() => undefined, 1_000);
  t.teardown(() => clearInterval(alive));
  const stop = reader.onBuilt(
    () => told(),
    (error) => t.fail(String(error)),
  );
  for (const name of ['plain', 'registry.example:5000/deep/er/name:v2']) {
    const news = new Promise<void>((resolve) => {
      told = () => {
        if (reader.resolve(name) !== undefined) resolve();
      };
    });
    await builder.build(folder, name);
    await news;
  }
  stop();
  t.pass();
});
