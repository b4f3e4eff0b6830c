/** Containers as host processes, in whatever namespaces the machine permits without asking for privileges. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../../kube/clock.ts';
import type { ContainerSpec, Mount, OwnNetwork, PodRuntime, RunningContainer } from '../runtime.ts';
import { ControlGroups } from './control-groups.ts';
import { ProcessContainer } from './container.ts';
import { killLeftovers } from './leftovers.ts';
import { detectIsolation, limitsOf, type Isolation } from './machine.ts';
import { NetworkBridge } from './network-bridge.ts';
import { planMounts } from './mount-table.ts';
import { privateFolders, TERMINATION_LOG } from './private-folders.ts';
import { tcpSockets } from './proc.ts';
import { encodeOrders, RUN } from './shell.ts';
import { WarmShells } from './warm-shells.ts';
import { Watchdog } from './watchdog.ts';

export const MARKER = 'ZEROTH_INSTANCE';

export interface ProcessRuntimeOptions {
  /** A folder of the runtime's own; no other process uses it. */
  readonly folder: string;
  readonly clock: Clock;
  /** Shells kept waiting for a pod. */
  readonly warm?: number;
  /** Instead of what the machine permits. For tests. */
  readonly isolation?: Isolation;
}

const WARM = 3;

export class ProcessRuntime implements PodRuntime {
  readonly name = 'process';
  readonly limits: readonly string[];
  readonly ownMounts: boolean;
  readonly ownNetworks: boolean;
  readonly ownFolders: boolean;
  /** How many processes of an earlier life were found and killed. */
  readonly leftovers: number;
  readonly #isolation: Isolation;
  readonly #shells: WarmShells;
  readonly #watchdog: Watchdog;
  readonly #groups: ControlGroups;
  readonly #clock: Clock;
  readonly #marker: string;
  readonly #privateFolders: ReadonlySet<string>;
  readonly #running = new Set<ProcessContainer>();

  private constructor(
    options: ProcessRuntimeOptions,
    isolation: Isolation,
    groups: ControlGroups,
    marker: string,
    leftovers: number,
  ) {
    this.#isolation = isolation;
    this.#groups = groups;
    this.#clock = options.clock;
    this.leftovers = leftovers;
    this.limits = [...limitsOf(isolation), ...groups.limits];
    this.ownMounts = isolation.mountNamespace;
    this.ownNetworks = isolation.networkNamespace;
    this.ownFolders = isolation.privateFolders;
    this.#privateFolders = isolation.privateFolders ? privateFolders() : new Set();
    this.#marker = marker;
    this.#watchdog = new Watchdog(marker);
    this.#shells = new WarmShells({
      folder: options.folder,
      isolation,
      marker,
      size: options.warm ?? WARM,
      clock: options.clock,
      onSpawn: (leader, exited) => {
        this.#watchdog.add(leader);
        exited(() => this.#watchdog.remove(leader));
      },
    });
  }

  static async open(options: ProcessRuntimeOptions): Promise<ProcessRuntime> {
    const { folder } = options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const marker = `${MARKER}=${instanceId(join(folder, 'instance'))}`;
    const leftovers = killLeftovers(marker);
    for (const name of ['shells', 'pipes']) rmSync(join(folder, name), { recursive: true, force: true });
    const isolation = options.isolation ?? (await detectIsolation(folder));
    const groups = ControlGroups.open(marker.split('=')[1] ?? 'zeroth');
    const runtime = new ProcessRuntime(options, isolation, groups, marker, leftovers);
    void runtime.#shells.fill().catch(() => undefined);
    return runtime;
  }

  async start(spec: ContainerSpec): Promise<RunningContainer> {
    const lastWords = this.#terminationLogOf(spec);
    const plan = this.#isolation.mountNamespace
      ? planMounts({
          ...spec,
          mounts: [...spec.mounts, ...(lastWords === undefined ? [] : [lastWords])],
          overlay: this.#isolation.overlay,
          ownFolders: this.#privateFolders,
        })
      : undefined;
    const mountTable = plan === undefined ? undefined : join(spec.scratch, 'fstab');
    if (plan !== undefined && mountTable !== undefined) writeFileSync(mountTable, plan.table);
    const prefix = this.#identityPrefix(spec);
    const group = this.#groups.make(`${spec.podUid}-${spec.name}`, spec.memoryLimit);
    const orders = encodeOrders({
      argv: [...prefix, ...spec.argv],
      env: spec.env,
      workingDir: spec.workingDir ?? spec.imageFolder ?? '/',
      mountPoints: plan?.mountPoints,
      mountTable,
      root: plan?.root,
      controlGroup: group?.procs,
      ownNetwork: spec.network !== undefined,
      hostname: this.#isolation.utsNamespace ? spec.hostname : undefined,
    });
    const shell = spec.network === undefined ? await this.#shells.take() : await this.#shells.takeWithNetwork();
    const container = new ProcessContainer(
      lastWords === undefined ? shell : { ...shell, terminationLog: lastWords.source },
      spec,
      this.#isolation,
      prefix,
      group,
      this.#clock,
    );
    container.setHosts(spec.hosts);
    this.#running.add(container);
    void container.exited.then(() => this.#running.delete(container));
    // The shell mounts while files are written.
    shell.child.stdin?.write(orders.slice(0, -RUN.length));
    try {
      if (spec.account !== undefined) container.setAccount(spec.account);
    } catch (error) {
      container.kill();
      throw error;
    }
    shell.child.stdin?.end(RUN);
    if (spec.network !== undefined) await this.#bridge(container, spec.network);
    return container;
  }

  /** Set where its last words go to another file than the one that every container has. */
  #terminationLogOf({ terminationLog: target, scratch, mounts }: ContainerSpec): Mount | undefined {
    if (target === undefined || target === TERMINATION_LOG || !this.#isolation.mountNamespace) return undefined;
    if (mounts.some((mount) => mount.target === target)) return undefined;
    const source = join(scratch, 'termination-log');
    writeFileSync(source, '');
    // Whoever the container runs as.
    chmodSync(source, 0o666);
    return { source, target, readOnly: false };
  }

  /** A container that cannot be reached is no use to anybody. */
  async #bridge(container: ProcessContainer, network: OwnNetwork): Promise<void> {
    const [name = '', value = ''] = this.#marker.split('=', 2);
    try {
      const pid = await container.inside();
      const env = { PATH: process.env.PATH ?? '', [name]: value };
      const bridge = await NetworkBridge.open(pid, this.#isolation, network, env);
      void container.exited.then(() => bridge.close());
      bridge.onEnd(() => container.kill());
    } catch (error) {
      container.kill();
      throw error;
    }
  }

  portInUse(port: number): boolean {
    return tcpSockets(process.pid).some((socket) => socket.listening && socket.local.port === port);
  }

  async stop(): Promise<void> {
    this.#shells.stop();
    const all = [...this.#running];
    for (const container of all) container.kill();
    await Promise.all(all.map((container) => container.exited));
    await this.#watchdog.stop();
    this.#groups.close();
  }

  /** A change of user is given up again by no program: the death signal is asked for once more after it. */
  #identityPrefix(spec: ContainerSpec): string[] {
    const { identity } = spec;
    if (identity === undefined || process.getuid?.() !== 0 || this.#isolation.userNamespace) return [];
    const groups = identity.groups.length === 0 ? ['--clear-groups'] : ['--groups', identity.groups.join(',')];
    const death = this.#isolation.pidNamespace ? [] : ['--pdeathsig', 'KILL'];
    return ['setpriv', '--reuid', String(identity.uid), '--regid', String(identity.gid), ...groups, ...death, '--'];
  }
}

function instanceId(path: string): string {
  try {
    const id = readFileSync(path, 'utf8').trim();
    if (/^[0-9a-f]{32}$/.test(id)) return id;
  } catch {
    // The first start of this folder.
  }
  const id = randomBytes(16).toString('hex');
  writeFileSync(path, `${id}\n`, { mode: 0o600 });
  return id;
}
