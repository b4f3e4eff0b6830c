// The verbs of kubectl that people use, each against the embedded API server.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { cleanEnv, eventually, Instance, runProgram, type Output } from './instance.ts';
import { findKubectl, kubectlMissing } from '../kubectl.ts';

const PROGRAM = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: hello
          ports: [{ containerPort: 8080 }]
          readinessProbe: { tcpSocket: { port: 8080 } }
`;

const skip = await kubectlMissing();
const zeroth = skip === false ? await Instance.start() : undefined;
t.teardown(() => zeroth?.remove());
const ok = (...args: string[]): Promise<string> => zeroth!.ok(args);
const fails = async (args: readonly string[], input?: string): Promise<Output> => {
  const output = await zeroth!.kubectl(args, input);
  if (output.code === 0) throw new Error(`kubectl ${args.join(' ')} should have failed: ${output.stdout}`);
  return output;
};
const apply = (manifest: string, ...flags: string[]): Promise<string> =>
  zeroth!.ok(['apply', '-f', '-', ...flags], manifest);

t.before(async () => {
  if (zeroth === undefined) return;
  await zeroth.zeroth(['build', 'examples/hello', '-t', 'hello']);
  await apply(PROGRAM);
  await ok('rollout', 'status', 'deployment/web', '--timeout=30s');
});

t.test('get: tables, wide, yaml, jsonpath, selectors, sort, raw, and what is not there', { skip }, async (t) => {
  t.match(await ok('get', 'deploy', 'web'), /NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+1\/1\s+1\s+1\s+\d+s/);
  t.match(
    await ok('get', 'pods', '-o', 'wide'),
    /NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE.*\nweb-\w+-\w{5}\s+1\/1\s+Running\s+0\s+\d+s\s+127\.\d+\.\d+\.\d+\s+zeroth/,
  );
  t.match(await ok('get', 'deploy', 'web', '-o', 'yaml'), /kind: Deployment[\s\S]*readyReplicas: 1/);
  t.equal(await ok('get', 'deploy', 'web', '-o', 'jsonpath={.status.readyReplicas}'), '1');
  t.match(await ok('get', 'pods', '-l', 'app in (web,other)', '-o', 'name'), /^pod\/web-/);
  t.equal(await ok('get', 'pods', '-l', 'app!=web', '-o', 'name'), '');
  t.match(await ok('get', 'pods', '--field-selector', 'status.phase=Running', '-o', 'name'), /^pod\/web-/);
  t.match(await ok('get', 'all'), /deployment\.apps\/web[\s\S]*replicaset\.apps\/web-/);
  t.match(await ok('get', '--raw', '/healthz'), 'ok');
  t.match(await ok('get', 'ns', '--sort-by=.metadata.name'), /default[\s\S]*kube-system/);
  t.match(
    (await fails(['get', 'deploy', 'nope'])).stderr,
    'Error from server (NotFound): deployments.apps "nope" not found',
  );
  t.match((await fails(['get', 'nonsense'])).stderr, `the server doesn't have a resource type "nonsense"`);
});

t.test('describe, explain, api-resources, api-versions, version, auth can-i', { skip }, async (t) => {
  t.match(
    await ok('describe', 'deploy', 'web'),
    /Name:\s+web[\s\S]*Replicas:\s+1 desired \| 1 updated \| 1 total \| 1 available/,
  );
  t.match(await ok('describe', 'pod', '-l', 'app=web'), /Node:\s+zeroth[\s\S]*State:\s+Running/);
  t.match(await ok('explain', 'deployment.spec.replicas'), /FIELD: replicas <integer>/);
  t.match(await ok('explain', 'ksvc.spec.traffic'), /percent\s+<integer>/);
  t.match(await ok('explain', 'pods', '--recursive'), /containers\s+<\[\]Container>/);
  t.match(await ok('api-resources'), /services\s+kservice,ksvc\s+serving\.knative\.dev\/v1\s+true\s+Service/);
  t.match(await ok('api-resources'), /deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/);
  t.match(await ok('api-versions'), 'eventing.knative.dev/v1');
  t.match(await ok('version'), /Server Version: v1\.\d+/);
  t.equal((await ok('auth', 'can-i', 'create', 'pods')).trim(), 'yes');
  t.equal((await ok('auth', 'can-i', '*', '*')).trim(), 'yes');
});

t.test('patch: json, merge, strategic; edit; label and annotate', { skip }, async (t) => {
  await ok(
    'patch',
    'deploy',
    'web',
    '--type=json',
    '-p',
    '[{"op":"add","path":"/metadata/annotations/a","value":"1"}]',
  );
  await ok('patch', 'deploy', 'web', '--type=merge', '-p', '{"metadata":{"annotations":{"b":"2"}}}');
  await ok(
    'patch',
    'deploy',
    'web',
    '-p',
    '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"TARGET","value":"Patch"}]}]}}}}',
  );
  await ok('rollout', 'status', 'deployment/web', '--timeout=30s');
  t.equal(
    await ok('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'),
    'hello',
    'a strategic patch merges containers by name',
  );
  t.match(
    (await fails(['patch', 'deploy', 'web', '--type=json', '-p', '[{"op":"test","path":"/spec/replicas","value":7}]']))
      .stderr,
    /test/i,
  );
  const editor = join(mkdtempSync(join(tmpdir(), 'zeroth-editor-')), 'edit');
  writeFileSync(editor, '#!/bin/sh\nsed -i "s/revisionHistoryLimit: .*/revisionHistoryLimit: 4/" "$1"\n');
  chmodSync(editor, 0o755);
  const found = await findKubectl();
  if ('path' in found) {
    const edited = await runProgram(found.path, ['edit', 'deploy', 'web'], undefined, {
      ...cleanEnv(),
      KUBECONFIG: zeroth!.kubeconfig,
      KUBE_EDITOR: editor,
    });
    t.match(edited.stdout, 'deployment.apps/web edited', edited.stderr);
  }
  rmSync(editor);
  t.equal(await ok('get', 'deploy', 'web', '-o', 'jsonpath={.spec.revisionHistoryLimit}'), '4');
  await ok('label', 'deploy', 'web', 'tier=front');
  t.match(await ok('get', 'deploy', '-l', 'tier=front', '-o', 'name'), 'deployment.apps/web');
  await ok('annotate', 'deploy', 'web', 'a-', 'b-');
  t.equal(await ok('get', 'deploy', 'web', '-o', 'jsonpath={.metadata.annotations.b}'), '');
});

t.test(
  'apply --server-side: conflicts name the manager; --force-conflicts takes over; diff shows what would change',
  { skip },
  async (t) => {
    const map = (value: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: shared }\ndata: { key: ${value} }\n`;
    await apply(map('one'), '--server-side', '--field-manager=first');
    const conflict = await fails(['apply', '-f', '-', '--server-side', '--field-manager=second'], map('two'));
    t.match(conflict.stderr, /conflict with "first"[\s\S]*\.data\.key/);
    await apply(map('two'), '--server-side', '--field-manager=second', '--force-conflicts');
    t.equal(await ok('get', 'cm', 'shared', '-o', 'jsonpath={.data.key}'), 'two');
    const diff = await zeroth!.kubectl(['diff', '--server-side', '--field-manager=second', '-f', '-'], map('three'));
    t.equal(diff.code, 1, 'there is a difference');
    t.match(diff.stdout, /-\s+key: two\n\+\s+key: three/);
    t.equal(await ok('get', 'cm', 'shared', '-o', 'jsonpath={.data.key}'), 'two', 'diff changed nothing');
    t.equal((await zeroth!.kubectl(['diff', '-f', '-'], PROGRAM.replace('replicas: 1', 'replicas: 2'))).code, 1);
  },
);

t.test('create, dry-run, generateName, replace conflicts, strict validation', { skip }, async (t) => {
  t.match(
    await ok('create', 'cm', 'dry', '--from-literal=a=b', '--dry-run=server'),
    /configmap\/dry created \(server dry run\)/,
  );
  t.match((await fails(['get', 'cm', 'dry'])).stderr, 'not found');
  await ok('create', 'secret', 'generic', 'hidden', '--from-literal=password=s3cret');
  t.equal(
    await ok('get', 'secret', 'hidden', '-o', 'jsonpath={.data.password}'),
    Buffer.from('s3cret').toString('base64'),
  );
  t.match(
    await zeroth!.ok(['create', '-f', '-'], 'apiVersion: v1\nkind: ConfigMap\nmetadata: { generateName: gen- }\n'),
    /configmap\/gen-\w{5} created/,
  );
  t.match((await fails(['create', 'secret', 'generic', 'hidden'])).stderr, 'secrets "hidden" already exists');
  const strict = await fails(
    ['apply', '-f', '-', '--validate=strict'],
    PROGRAM.replace('replicas: 1', 'replicaz: 1').replace('name: web,', 'name: typo,'),
  );
  t.match(strict.stderr, /unknown field "spec\.replicaz"/);
  const invalid = await fails(
    ['apply', '-f', '-'],
    PROGRAM.replace('name: web,', 'name: negative,').replace('replicas: 1', 'replicas: -1'),
  );
  t.match(invalid.stderr, /spec\.replicas: Invalid value: -1: must be greater than or equal to 0/);
  const old = await zeroth!.json<{ metadata: object }>(['get', 'cm', 'shared']);
  await ok('annotate', 'cm', 'shared', 'moved=on');
  t.match((await fails(['replace', '-f', '-'], JSON.stringify(old))).stderr, 'the object has been modified');
});

t.test('scale, rollout history, undo and restart, wait', { skip }, async (t) => {
  await ok('scale', 'deploy/web', '--replicas=3');
  await ok('wait', 'deploy/web', '--for=jsonpath={.status.readyReplicas}=3', '--timeout=30s');
  t.equal(
    (await ok('get', 'pods', '-l', 'app=web', '--field-selector=status.phase=Running', '-o', 'name')).trim().split('\n')
      .length,
    3,
  );
  await ok('set', 'env', 'deploy/web', 'TARGET=Next');
  await ok('rollout', 'status', 'deploy/web', '--timeout=60s');
  t.match(await ok('rollout', 'history', 'deploy/web'), /REVISION/);
  await ok('rollout', 'undo', 'deploy/web');
  await ok('rollout', 'status', 'deploy/web', '--timeout=60s');
  t.not(await ok('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].env[0].value}'), 'Next');
  await ok('rollout', 'restart', 'deploy/web');
  await ok('rollout', 'status', 'deploy/web', '--timeout=60s');
  await ok('scale', 'deploy/web', '--replicas=1');
  await ok('wait', 'deploy/web', '--for=jsonpath={.status.replicas}=1', '--timeout=30s');
});

t.test('logs, logs -f, exec with exit codes and stdin', { skip }, async (t) => {
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: talker }
spec:
  containers:
    - name: main
      image: hello
      command: [sh, -c, 'echo first; echo "$GREETING"; sleep 600']
      env: [{ name: GREETING, value: second }]
`);
  await ok('wait', 'pod/talker', '--for=condition=Ready', '--timeout=30s');
  await eventually('both lines are logged', async () => (await ok('logs', 'talker')) === 'first\nsecond\n');
  t.equal(await ok('logs', 'talker', '--tail=1'), 'second\n');
  t.match(await ok('logs', 'talker', '--timestamps'), /^\d{4}-\d\d-\d\dT\S+Z first\n/);
  t.equal(await ok('exec', 'talker', '--', 'sh', '-c', 'echo $GREETING'), 'second\n');
  t.equal((await zeroth!.kubectl(['exec', 'talker', '--', 'sh', '-c', 'echo err >&2; exit 7'])).code, 7);
  t.equal(await zeroth!.ok(['exec', '-i', 'talker', '--', 'cat'], 'through stdin'), 'through stdin');
  t.match((await fails(['logs', 'talker', '-c', 'nope'])).stderr, /container nope is not valid for pod talker/);
  await ok('delete', 'pod', 'talker', '--grace-period=1');
});

t.test('delete: propagation, selectors, namespaces take their content along', { skip }, async (t) => {
  await ok('create', 'ns', 'short');
  await zeroth!.ok(['-n', 'short', 'apply', '-f', '-'], PROGRAM);
  await ok('-n', 'short', 'rollout', 'status', 'deploy/web', '--timeout=30s');
  await ok('delete', 'ns', 'short', '--timeout=60s');
  t.match((await fails(['get', 'ns', 'short'])).stderr, 'namespaces "short" not found');
  t.match((await fails(['-n', 'short', 'create', 'cm', 'x'])).stderr, 'namespaces "short" not found');
  await ok('delete', 'deploy', 'web', '--cascade=orphan');
  t.match(await ok('get', 'rs', '-l', 'app=web', '-o', 'name'), 'replicaset.apps/web-', 'orphans stay');
  await ok('delete', 'rs', '-l', 'app=web', '--cascade=foreground', '--timeout=60s');
  await eventually(
    'the pods went with them',
    async () => (await ok('get', 'pods', '-l', 'app=web', '-o', 'name')) === '',
  );
});
