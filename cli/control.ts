/**
 * The control process of local mode, and the root of an instance's process tree: embedded API server, workloads, node
 * agent, controllers, autoscaler; the data-path processes are its children. Starts all of it, says when it is ready,
 * and drains it in the opposite order. No logic of a part lives here.
 */
import { Registry } from 'prom-client';
import { EVENTING_NAMESPACE, SERVING_NAMESPACE } from '../api/zeroth.ts';
import { eventingAdmissions } from '../eventing/trigger/admission.ts';
import { startEventingControllers } from '../eventing/trigger/main.ts';
import { Client } from '../kube/client.ts';
import type { ControllerOptions } from '../kube/controller.ts';
import { Informers } from '../kube/informers.ts';
import { createLogger, type Logger, type LogLevel } from '../kube/log.ts';
import { StoreError } from '../local/apiserver/errors.ts';
import { ApiServer, type ApiServerOptions } from '../local/apiserver/main.ts';
import { openPki, type Pki } from '../local/apiserver/pki.ts';
import { ImageStore } from '../local/node/image-store.ts';
import { startNodeAgent } from '../local/node/main.ts';
import { startWorkloads } from '../local/workloads/main.ts';
import { startAutoscaler } from '../serving/autoscaler/main.ts';
import { servingAdmissions } from '../serving/controller/admission.ts';
import { startServingControllers } from '../serving/controller/main.ts';
import { DataPathProcess } from './data-path.ts';
import { runDemo } from './demo.ts';
import { keepGatewayCa } from './gateway-ca.ts';
import { errorCode, UsageError } from './errors.ts';
import {
  installManifests,
  publishApiServer,
  publishBrokerHost,
  publishDataPath,
  publishPorts,
  splitAddress,
} from './install.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { LogFile } from './log-file.ts';
import { claimNetwork, firstFree } from './network.ts';
import { programFile } from './package-root.ts';
import { shellWord } from './shell-word.ts';
import { nextSignal } from './signal.ts';
import { processStart, type StateFolder } from './state.ts';
import { version } from './version.ts';

export interface ControlOptions {
  readonly state: StateFolder;
  readonly httpPort: number;
  /** undefined = the usual one, or any free one where that is taken. */
  readonly httpsPort: number | undefined;
  readonly apiPort: number;
  readonly domain: string;
  readonly kubeconfig: string;
  readonly demo: boolean;
  readonly logLevel: LogLevel;
  /** Takes a line for the person at the terminal. */
  readonly print: (line: string) => void;
}

const LOOPBACK = '127.0.0.1';
const HTTPS_PORT = 8443;

interface Stoppable {
  stop(): Promise<void>;
}

/** What runs, in the order of its start. */
interface Running {
  /** The data path stops before everything it depends on: broker, then gateway. */
  readonly dataPath: DataPathProcess[];
  readonly parts: Stoppable[];
  /** The state folder is locked, so what it says of a running instance is ours to write. */
  locked: boolean;
}

/** Runs until a signal; resolves with the exit code. Throws `UsageError` or `CommandError` when it cannot start. */
export async function runControl(options: ControlOptions): Promise<number> {
  const running: Running = { dataPath: [], parts: [], locked: false };
  const signal = nextSignal();
  try {
    await start(options, running);
    const name = await signal;
    options.print(`${name}: draining; once more to stop at once`);
    return 0;
  } finally {
    if (running.locked) options.state.clearReady();
    for (const process of running.dataPath.reverse()) await process.stop();
    for (const part of running.parts.reverse()) await part.stop();
    if (running.locked) options.state.clearRun();
  }
}

async function start(options: ControlOptions, running: Running): Promise<void> {
  const { state } = options;
  const print = progress(options.print);
  const started = <T extends Stoppable>(part: T): T => {
    running.parts.push(part);
    return part;
  };
  state.create();
  const logFile = new LogFile(state.path('zeroth.log'));
  const write = (text: string): void => logFile.write(text);
  const log = createLogger(options.logLevel, { process: 'control' }, (line) => write(line + '\n'));
  exitOnUnexpected(log);
  options.print(`zeroth ${version()}, state in ${state.dir}`);

  const network = await claimNetwork(state.dir, options.httpPort);
  const registry = new Registry();
  // The store's lock is that of the whole folder: nothing else in it is touched before.
  const api = await openApiServer(state, {
    admissions: [...servingAdmissions, ...eventingAdmissions],
    servicePrefix: network.prefix,
    registry,
    log: log.with({ part: 'apiserver' }),
  });
  started({ stop: () => api.close() });
  const [pki, images] = await Promise.all([openPki(state.path('pki')), ImageStore.open(state.dir)]);
  const writeRun = (): void => {
    const [activator, broker] = running.dataPath;
    state.writeRun({
      pid: process.pid,
      started: processStart(process.pid) ?? '',
      admin: { activator: activator?.addresses['admin'] ?? '', broker: broker?.addresses['admin'] ?? '' },
      tokenFile: pki.tokenFile,
      caFile: pki.caFile,
      processes: running.dataPath.map((one) => ({ name: one.name, pid: one.pid ?? 0 })),
    });
  };
  running.locked = true;
  state.clearReady();
  // From here on `zeroth down` finds us, however far we are.
  writeRun();
  const client = new Client(api.transport);
  const informers = new Informers(client, log);
  started({ stop: () => Promise.resolve(informers.stop()) });
  await installManifests(client, options.domain);
  const apiUrl = await listenApi(api, options.apiPort, pki);
  writeKubeconfig(options.kubeconfig, apiUrl, pki.caCert, pki.token);
  print('API server', apiUrl);

  const serving: ControllerOptions = { client, informers, log, systemNamespace: SERVING_NAMESPACE };
  const eventing: ControllerOptions = { ...serving, systemNamespace: EVENTING_NAMESPACE };
  const autoscaler = started(await startAutoscaler({ ...serving, registry, host: '127.0.0.1', port: 0 }));

  const shared = {
    ZEROTH_API_URL: apiUrl,
    ZEROTH_API_TOKEN_FILE: pki.tokenFile,
    ZEROTH_API_CA_FILE: pki.caFile,
    LOG_LEVEL: options.logLevel,
    ADMIN_LISTEN: '127.0.0.1:0',
    GATEWAY_INTERNAL: `${network.gateway}:${network.clusterPort}`,
  };
  const publish = (name: 'activator-service' | 'broker-ingress', http: string | undefined, https?: string): void => {
    if (http === undefined) return;
    publishDataPath(client, name, https === undefined ? { http } : { http, https }).catch((error: unknown) =>
      log.error('address not published', { name, error }),
    );
  };
  const [httpsPort, clusterHttpsPort] = await Promise.all([
    options.httpsPort ?? firstFree(LOOPBACK, options.httpPort === 0 ? [0] : [HTTPS_PORT, 0]),
    firstFree(network.gateway, [443, HTTPS_PORT, 0]),
  ]);
  const activator = new DataPathProcess({
    name: 'activator',
    program: programFile('activator.js'),
    env: {
      ...shared,
      GATEWAY_EXTERNAL: `${LOOPBACK}:${options.httpPort}`,
      GATEWAY_EXTERNAL_TLS: `${LOOPBACK}:${httpsPort}`,
      GATEWAY_INTERNAL_TLS: `${network.gateway}:${clusterHttpsPort}`,
      AUTOSCALER_URL: autoscaler.url,
    },
    portFlag: '--http-port or --https-port',
    addressVariables: {
      external: 'GATEWAY_EXTERNAL',
      internal: 'GATEWAY_INTERNAL',
      externalTls: 'GATEWAY_EXTERNAL_TLS',
      internalTls: 'GATEWAY_INTERNAL_TLS',
      admin: 'ADMIN_LISTEN',
    },
    log,
    write,
  }).start();
  const broker = new DataPathProcess({
    name: 'broker',
    program: programFile('broker.js'),
    env: { ...shared, BROKER_LISTEN: `${network.prefix}.0.3:0`, BROKER_DATA_DIR: state.path('broker') },
    addressVariables: { ingress: 'BROKER_LISTEN', admin: 'ADMIN_LISTEN' },
    log,
    write,
  }).start();
  running.dataPath.push(activator, broker);
  await Promise.all([activator.listening, broker.listening]);

  const externalPort = portOf(activator.addresses['external']);
  const clusterPort = portOf(activator.addresses['internal']);
  const externalHttpsPort = portOf(activator.addresses['externalTls']);
  await publishPorts(client, {
    external: externalPort,
    cluster: clusterPort,
    externalHttps: externalHttpsPort,
    clusterHttps: portOf(activator.addresses['internalTls']),
  });
  publish('activator-service', activator.addresses['internal'], activator.addresses['internalTls']);
  const gatewayCa = state.path('gateway-ca.crt');
  started(keepGatewayCa(client, gatewayCa, log));
  publish('broker-ingress', broker.addresses['ingress']);
  const [node] = await Promise.all([
    startNodeAgent({
      ...serving,
      dir: state.dir,
      images,
      network: { ...network, clusterPort },
      apiUrl,
      registry,
    }),
    startWorkloads({ ...serving, network: { ...network, clusterPort }, caCert: pki.caCert }).then(started),
    startServingControllers({
      ...serving,
      registry,
      resolveImage: async (image) => images.digestOf(image),
      imagesChanged: (retry) =>
        images.onBuilt(retry, (error) => log.warn('image store not watched: new images are found later', { error })),
    }).then(started),
    startEventingControllers({ ...eventing, registry }).then(started),
    publishApiServer(client, new URL(apiUrl).host),
    publishBrokerHost(client, options.domain),
  ]);
  started(node);
  api.podStreams = node;
  api.usage = node;
  print('controllers', 'serving, eventing, workloads, node');
  await Promise.all([activator.ready, broker.ready]);
  const httpUrl = `http://${LOOPBACK}:${externalPort}`;
  const httpsUrl = `https://${LOOPBACK}:${externalHttpsPort}`;
  print('gateway', `${httpUrl}  (http://NAME.NAMESPACE.${options.domain}:${externalPort})`);
  print('gateway TLS', `${httpsUrl}  (once external-domain-tls is Enabled; curl --cacert ${shellWord(gatewayCa)})`);
  print('broker', `http://broker-ingress.${EVENTING_NAMESPACE}.${options.domain}:${externalPort}/NAMESPACE/BROKER`);
  for (const limit of node.limits) options.print(`  note: ${limit}`);
  if (options.demo) await runDemo({ client, images, host: `${options.domain}:${externalPort}`, print: options.print });

  writeRun();
  for (const process of running.dataPath) process.onRestart(writeRun);
  state.writeReady({
    http: httpUrl,
    https: httpsUrl,
    gatewayCa,
    api: apiUrl,
    kubeconfig: options.kubeconfig,
    pid: process.pid,
  });
  options.print(`ready. In another terminal:\n  export KUBECONFIG=${shellWord(options.kubeconfig)}`);
}

/** Lines of what became ready, and how long after the start. */
function progress(print: (line: string) => void): (name: string, what: string) => void {
  const began = performance.now();
  return (name, what) => {
    print(`  ${name.padEnd(12)} ${what}  ${((performance.now() - began) / 1000).toFixed(2)} s`);
  };
}

/** A store that another process holds, or that is damaged, is the user's to know of, not a bug of ours. */
async function openApiServer(state: StateFolder, options: Omit<ApiServerOptions, 'dir'>): Promise<ApiServer> {
  try {
    return await ApiServer.open({ ...options, dir: state.path('api') });
  } catch (error) {
    if (error instanceof StoreError) throw new UsageError(error.message);
    throw error;
  }
}

async function listenApi(api: ApiServer, port: number, pki: Pki): Promise<string> {
  try {
    const bound = await api.listen({
      host: '127.0.0.1',
      port,
      tls: { cert: pki.cert, key: pki.key, caCert: pki.caCert },
      tokens: [pki.token],
    });
    return `https://127.0.0.1:${bound.port}`;
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    throw new UsageError(
      `port ${port} of the API server is ${code === 'EACCES' ? 'not permitted' : 'in use'}; choose another with --api-port N (0 = any free one)`,
    );
  }
}

function portOf(address: string | undefined): number {
  return splitAddress(address ?? '')[1];
}

/** A bug must not leave a half-working instance behind: what is stored is safe, so end and say where to look. */
function exitOnUnexpected(log: Logger): void {
  const end = (error: unknown): void => {
    log.error('unexpected error, stopping', { error });
    process.stderr.write(
      `zeroth: unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
