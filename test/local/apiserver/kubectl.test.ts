/** The real kubectl takes the server for a Kubernetes. Every step is what a user types. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import type { Test } from 'tap';
import { startListening, writeKubeconfig } from './https.ts';
import { kubectlMissing, kubectlPath } from '../../kubectl.ts';

const KUBECTL = await kubectlPath();
const skip = await kubectlMissing();

async function kubectl(t: Test) {
  const started = await startListening(t);
  const kubeconfig = await writeKubeconfig(started.dir, started.url, started.pki);
  // Discovery caches of other servers must not leak in.
  const base = ['--kubeconfig', kubeconfig, '--cache-dir', join(started.dir, 'cache')];
  const run = async (line: string | string[], input?: string) => {
    const args = typeof line === 'string' ? line.split(' ') : line;
    const child = spawn(KUBECTL, [...base, ...args], { env: { ...process.env, EDITOR: 'sed -i s/value/edited/' } });
    child.stdin.on('error', () => undefined).end(input);
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const [code] = (await once(child, 'close')) as [number];
    return { code, out, err };
  };
  return { ...started, base, run };
}

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: c, image: nginx, ports: [{ containerPort: 80 }] }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { key: value }
`;

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: widgets, kind: Widget, shortNames: [wd], categories: [all] }
  versions:
    - name: v1
      served: true
      storage: true
      additionalPrinterColumns: [{ name: Color, type: string, jsonPath: .spec.color }]
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              description: What the widget looks like.
              properties: { color: { type: string, description: Its color., enum: [red, blue] } }
`;

t.test('apply, diff, get, patch, edit, delete', { skip }, async (t) => {
  const { run } = await kubectl(t);
  t.match(await run('apply -f -', MANIFEST), {
    code: 0,
    out: 'deployment.apps/web created\nconfigmap/settings created\n',
  });
  t.match(await run('apply -f -', MANIFEST), {
    out: 'deployment.apps/web unchanged\nconfigmap/settings unchanged\n',
  });
  const changed = MANIFEST.replace('replicas: 2', 'replicas: 3');
  t.match(await run('diff -f -', changed), { code: 1, out: /-  replicas: 2\n\+  replicas: 3/ });
  t.match(await run('apply -f -', changed), { out: /deployment.apps\/web configured/ });
  t.match(await run('get deploy'), { out: /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/3 +0 +0 +\d+s\n$/ });
  t.match(await run('get deploy,cm -o name'), { out: 'deployment.apps/web\nconfigmap/settings\n' });
  t.match(await run('get all'), { out: /service\/kubernetes +ClusterIP +10\.96\.0\.1 +<none> +443\/TCP/ });
  t.match(await run(['patch', 'cm', 'settings', '-p', '{"data":{"more":"1"}}']), { out: /patched/ });
  t.match(
    await run(['patch', 'deploy', 'web', '--type=json', '-p', '[{"op":"remove","path":"/metadata/labels/app"}]']),
    {
      out: /patched/,
    },
  );
  t.match(await run('edit cm settings'), { code: 0, out: /edited/ });
  t.match(await run(['get', 'cm', 'settings', '-o', 'jsonpath={.data.key} {.data.more}']), { out: 'edited 1' });
  t.match(await run('scale deploy/web --replicas=5'), { out: /scaled/ });
  t.match(await run('label cm settings color=red'), { out: /labeled/ });
  t.match(await run('annotate cm settings note=x'), { out: /annotated/ });
  t.match(await run('get cm -l color=red --show-labels'), { out: /settings .* color=red/ });
  t.match(await run('set image deploy/web c=nginx:2'), { out: /image updated/ });
  t.match(await run('describe deploy web'), { code: 0, out: /Image: +nginx:2/ });
  t.match(await run('replace -f -', MANIFEST.split('---')[1]), { out: /replaced/ });
  t.match(await run('delete -f -', MANIFEST), { code: 0, out: /deployment.apps "web" deleted/ });
  t.match(await run('get cm settings'), { code: 1, err: /configmaps "settings" not found/ });
});

t.test('server-side apply, its conflicts, and who owns what', { skip }, async (t) => {
  const { run } = await kubectl(t);
  const map = (value: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: m }\ndata: { key: ${value} }`;
  t.match(await run('apply --server-side -f -', map('a')), { out: /serverside-applied/ });
  const other = ['apply', '--server-side', '--field-manager=other', '-f', '-'];
  t.match(await run(other, map('b')), {
    code: 1,
    err: /Apply failed with 1 conflict: conflict with "kubectl": \.data\.key/,
  });
  t.match(await run([...other, '--force-conflicts'], map('b')), { code: 0 });
  t.match(await run('get cm m -o yaml --show-managed-fields'), { out: /manager: other\n +operation: Apply/ });
});

t.test('what is wrong with a manifest is said at its field', { skip }, async (t) => {
  const { run } = await kubectl(t);
  t.match(await run('apply -f -', MANIFEST.replace('replicas: 2', 'replicaz: 2')), {
    code: 1,
    err: /unknown field "spec\.replicaz"/,
  });
  t.match(await run('apply -f -', MANIFEST.replace('name: c, image', 'name: C_, image')), {
    code: 1,
    err: /The Deployment "web" is invalid: spec\.template\.spec\.containers\[0\]\.name: Invalid value: "C_"/,
  });
  t.match(await run('apply -f -', MANIFEST.replace('kind: Deployment', 'kind: Deploymint')), {
    code: 1,
    err: /no matches for kind "Deploymint" in version "apps\/v1"/,
  });
});

t.test('what kubectl makes itself, it sends as protobuf', { skip }, async (t) => {
  const { run } = await kubectl(t);
  const cases: [command: string, jsonpath: string, expected: string][] = [
    [
      'create deployment d --image=nginx --replicas=0 --port=80',
      '{.spec.replicas} {.spec.template.spec.containers[0].ports[0].containerPort}',
      '0 80',
    ],
    ['create configmap c --from-literal=a=b', '{.data.a}', 'b'],
    ['create secret generic s --from-literal=a=b', '{.type} {.data.a}', 'Opaque Yg=='],
    ['create serviceaccount sa', '{.metadata.name}', 'sa'],
    ['create role r --verb=get,list --resource=pods', '{.rules[0].verbs}', '["get","list"]'],
    ['create rolebinding rb --role=r --serviceaccount=default:sa', '{.subjects[0].name}', 'sa'],
    ['create job j --image=busybox -- sleep 1', '{.spec.template.spec.containers[0].command}', '["sleep","1"]'],
    ['create cronjob cj --image=busybox --schedule=*/5', '', ''],
    ['create service clusterip svc --tcp=80:8080', '{.spec.ports[0].targetPort}', '8080'],
    ['create poddisruptionbudget b --selector=app=x --min-available=50%', '{.spec.minAvailable}', '50%'],
    ['create quota q --hard=pods=3', '{.spec.hard.pods}', '3'],
    ['create ingress i --rule=a.example/*=svc:80', '{.spec.rules[0].http.paths[0].pathType}', 'Prefix'],
    ['create namespace n', '{.status.phase}', 'Active'],
  ];
  for (const [command, path, expected] of cases) {
    const made = await run(command);
    if (path === '') continue;
    t.equal(made.code, 0, `${command}: ${made.err}`);
    const name = made.out.split(' ')[0] ?? '';
    t.equal((await run(['get', name, '-o', `jsonpath=${path}`])).out, expected, command);
  }
  t.match(await run('create token sa'), { out: /^ey[\w-]+\.[\w-]+\.[\w-]+\n?$/ });
});

t.test('who am I, and what may I', { skip }, async (t) => {
  const { run } = await kubectl(t);
  t.match(await run('auth can-i create pods'), { code: 0, out: 'yes\n' });
  t.match(await run('auth can-i create pods --as=nobody'), { code: 1 });
  t.match(await run('auth whoami'), { out: /system:admin/ });
  t.match(await run('auth can-i --list'), { out: /\*\.\*/ });
});

t.test('a definition: wait, api-resources, explain, columns, delete', { skip }, async (t) => {
  const { run } = await kubectl(t);
  t.match(await run('apply -f -', DEFINITION), { code: 0 });
  t.match(await run('wait --for=condition=Established crd/widgets.example.com --timeout=10s'), {
    out: /condition met/,
  });
  t.match(await run('api-resources --api-group=example.com'), {
    out: /widgets +wd +example\.com\/v1 +true +Widget/,
  });
  t.match(await run('explain widget.spec.color'), { out: /Its color\./ });
  t.match(await run('explain deployment.spec.replicas'), { out: /FIELD: replicas <integer>/ });
  const widget = (color: string) =>
    `apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: w }\nspec: { color: ${color} }`;
  t.match(await run('apply -f -', widget('green')), {
    code: 1,
    err: /spec\.color: Unsupported value: "green": supported values: "red", "blue"/,
  });
  t.match(await run('apply -f -', widget('red')), { out: /widget.example.com\/w created/ });
  t.match(await run('get wd'), { out: /NAME +COLOR\nw +red\n/ });
  t.match(await run('get all'), { out: /widget\.example\.com\/w +red/ });
  t.match(await run('delete crd widgets.example.com'), { code: 0 });
  t.match(await run('get wd'), { code: 1 });
});

t.test('watching, and waiting for a deletion', { skip }, async (t) => {
  const { run, base } = await kubectl(t);
  await run('create configmap a --from-literal=x=1');
  const watch = spawn(KUBECTL, [...base, 'get', 'cm', '-w', '--output-watch-events']);
  t.teardown(() => watch.kill());
  const lines: string[] = [];
  const seen = new Promise<void>((resolve) => {
    createInterface({ input: watch.stdout }).on('line', (line) => {
      lines.push(line);
      if (line.startsWith('ADDED') && lines.length < 3) void run('label cm a x=y').then(() => run('delete cm a'));
      if (line.startsWith('DELETED')) resolve();
    });
  });
  await seen;
  t.match(lines.join('\n'), /^EVENT +NAME +DATA +AGE\nADDED +a .*\nMODIFIED +a .*\nDELETED +a /);
});

t.test('a namespace in use, a manifest file, dry runs', { skip }, async (t) => {
  const { run, dir } = await kubectl(t);
  const file = join(dir, 'manifest.yaml');
  await writeFile(file, MANIFEST);
  t.match(await run(['create', '-f', file, '--dry-run=server']), { out: /created \(server dry run\)/ });
  t.match(await run('get deploy'), { err: /No resources found/ });
  await run(['create', '-f', file, '--save-config']);
  t.match(await run(['create', '-f', file]), { code: 1, err: /configmaps "settings" already exists/ });
  t.match(await run('get ns default -o yaml'), { out: /kubernetes\.io\/metadata\.name: default/ });
  t.match(await run('version'), { out: /Server Version: v1\.34/ });
  t.match(await run('cluster-info'), { code: 0 });
  t.match(await run('api-versions'), { out: /^apps\/v1$/m });
  t.match(await run('get --raw /readyz'), { out: /ok/ });
  t.match(await run(['delete', 'cm', '--all']), { out: /"settings" deleted/ });
});
