// An instance of zeroth laid out as the suite expects a cluster: namespaces, their objects, images, a way to the gateway.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../dist/zeroth.js', import.meta.url));
const START_TIME = 30_000;
/** Node ports, as Kubernetes has them: the suite finds the gateway by one. */
const PORTS = { first: 30_000, last: 32_767 };
export const REPOSITORY = 'conformance.test';
export const SYSTEM_NAMESPACE = 'knative-serving';
/** Where ko, which Knative builds its images with, puts the program of each. */
const KO_FOLDER = '/ko-app';

/** @typedef {{ main: string, alternative: string, tls: string }} Namespaces */

export class Instance {
  #child;
  #state;
  #ownsKoFolder = false;
  kubeconfig;

  /** @param images name → folder  @param resources YAML texts of the suite's objects */
  static async start(images, resources, jobs) {
    const instance = new Instance();
    instance.#state = mkdtempSync(join(tmpdir(), 'zeroth-conformance-'));
    const http = await freePort(PORTS.first);
    const https = await freePort(http + 1);
    const child = spawn(
      process.execPath,
      [
        PROGRAM,
        'up',
        '--state',
        instance.#state,
        '--http-port',
        String(http),
        '--https-port',
        String(https),
        '--api-port',
        '0',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    instance.#child = child;
    const file = join(instance.#state, 'ready.json');
    const end = Date.now() + START_TIME;
    while (!existsSync(file)) {
      if (child.exitCode !== null || Date.now() > end) throw new Error('zeroth up did not become ready');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const ready = JSON.parse(readFileSync(file, 'utf8'));
    instance.kubeconfig = ready.kubeconfig;
    for (const [name, folder] of images)
      await run(process.execPath, [
        PROGRAM,
        'build',
        folder,
        '-t',
        `${REPOSITORY}/${name}`,
        '--state',
        instance.#state,
      ]);
    instance.#linkKoFolder(images);
    await instance.#layOut(resources, jobs, [http, https]);
    return instance;
  }

  async kubectl(args, input) {
    const promise = run('kubectl', args, {
      env: { ...process.env, KUBECONFIG: this.kubeconfig },
      maxBuffer: 64 * 1024 * 1024,
    });
    promise.child.stdin?.end(input ?? '');
    return (await promise).stdout;
  }

  /**
   * @param {Record<string, Record<string, string | null>>} changes ConfigMap → key → value, null for none
   * @returns what undoes it
   */
  async configure(changes) {
    const before = {};
    for (const [name, data] of Object.entries(changes)) {
      const found =
        JSON.parse(await this.kubectl(['get', 'cm', name, '-n', SYSTEM_NAMESPACE, '-o', 'json'])).data ?? {};
      before[name] = Object.fromEntries(Object.keys(data).map((key) => [key, found[key] ?? null]));
      await this.kubectl(['patch', 'cm', name, '-n', SYSTEM_NAMESPACE, '--type=merge', '-p', JSON.stringify({ data })]);
    }
    return before;
  }

  /** What a test that was cut off left behind. */
  async clear(namespaces) {
    const kinds =
      'ksvc,routes.serving.knative.dev,configurations.serving.knative.dev,domainmappings.serving.knative.dev';
    for (const namespace of Object.values(namespaces))
      await this.kubectl(['delete', kinds, '--all', '-n', namespace, '--wait=false']);
  }

  async stop() {
    if (this.#ownsKoFolder) unlinkSync(KO_FOLDER);
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGINT');
      await ended;
    }
    rmSync(this.#state, { recursive: true, force: true });
  }

  /** Images here are folders without a root of their own; some tests name programs by their absolute path. */
  #linkKoFolder(images) {
    if (process.getuid?.() !== 0 || existsSync(KO_FOLDER)) return;
    const programs = join(this.#state, 'ko-app');
    symlinkSync(programs, KO_FOLDER);
    this.#ownsKoFolder = true;
    linkAll(programs, images);
  }

  async #layOut(resources, jobs, gateway) {
    const objects = resources.flatMap((text) => parseAllDocuments(text).flatMap((one) => one.toJS() ?? []));
    const spaces = objects.filter(({ kind }) => kind === 'Namespace');
    const items = spaces.filter(({ metadata }) => metadata.name === 'rq-test');
    for (let job = 0; job < jobs; job++) {
      const names = namespacesOf(job);
      items.push(...Object.values(names).map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })));
      for (const object of objects.filter(({ kind }) => kind !== 'Namespace'))
        items.push({ ...object, metadata: { ...object.metadata, namespace: names.main } });
    }
    const [http, https] = gateway;
    // Addresses in statuses carry their port; some tests leave it out.
    const ports = [
      { name: 'http', port: 80, nodePort: http },
      { name: 'https', port: 443, nodePort: https },
    ];
    items.push(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'istio-system' } },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'istio-ingressgateway', namespace: 'istio-system' },
        spec: { type: 'NodePort', ports },
      },
    );
    // Tests of TLS find the gateway by the Service that an Ingress names, and pass no port on as it is.
    const named = [...ports, ...gateway.map((port) => ({ name: `port-${port}`, port, nodePort: port }))];
    const patch = JSON.stringify({ spec: { ports: named } });
    const order = (item) => (item.kind === 'Namespace' ? 0 : 1);
    items.sort((a, b) => order(a) - order(b));
    await this.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await this.kubectl(['patch', 'svc', 'activator-service', '-n', SYSTEM_NAMESPACE, '--type=merge', '-p', patch]);
  }
}

/** @returns {Namespaces} of one of the tests that run beside each other */
export function namespacesOf(job) {
  return { main: `serving-tests-${job}`, alternative: `serving-tests-alt-${job}`, tls: `tls-${job}` };
}

function linkAll(folder, images) {
  mkdirSync(folder);
  for (const [name, image] of images) symlinkSync(join(image, name), join(folder, name));
}

async function freePort(from) {
  for (let port = from + (from === PORTS.first ? process.pid % 2_000 : 0); port <= PORTS.last; port++)
    if (await isFree(port)) return port;
  throw new Error(`no free port between ${PORTS.first} and ${PORTS.last}`);
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
