/**
 * Keeps one container's port true: finds where its program listens when that is not where it was told to, and gives a
 * program whose port is taken a network of its own. See docs/decisions/ports-of-pods.md.
 */
import type { Container } from '../../../api/core.ts';
import type { Image } from '../image-store.ts';
import { lowestPort } from '../ports.ts';
import type { RunningContainer } from '../runtime/runtime.ts';
import type { PodContext } from './context.ts';
import { declaredPort, findPort, mainPort } from './port-map.ts';

/** When a container that is silent on its port is looked at, ms; a look costs a fraction of one. */
const LOOK_AFTER = 30;
const LOOK_EVERY = 150;
/** Where no probe tells of silence, it is looked at this often until it is found or has had its time. */
const SOON = { first: 50, later: 1_000, from: 2_000, until: 60_000 };
/**
 * Programs that serve in the background do not end when their port is refused, and never listen: silent for this long,
 * and idle meanwhile, while somebody else has the port, they are taken for such. A slow start is busy. In ms; of
 * processor time less than this share of the time between two looks.
 */
const STUCK = { after: 600, idle: 450, share: 0.1 };

export class PortKeeper {
  readonly #container: Container;
  readonly #context: PodContext;
  readonly #declared: number | undefined;
  /** What the image is known by in the list of those that do not heed PORT. */
  #stubbornAs = '';
  #ownNetwork = false;
  #lookedAt = 0;
  /** The present run has been seen to listen. */
  #found = false;
  /** The present run was ended because its port had been refused to it. */
  #refused = false;
  /** When the present run was last seen to work, and what it had used by then. */
  #busy = { at: 0, cpuSeconds: 0 };

  constructor(container: Container, context: PodContext) {
    this.#container = container;
    this.#context = context;
    this.#declared = mainPort(container);
  }

  /**
   * Before a start: does the program need a network of its own? Once it does, it always does; so does one that is known
   * not to heed PORT while somebody else has its port.
   */
  needsNetwork(image: Image): boolean {
    const { runtime, stubborn } = this.#context.machine;
    this.#lookedAt = LOOK_AFTER - LOOK_EVERY;
    this.#found = false;
    this.#refused = false;
    this.#busy = { at: 0, cpuSeconds: 0 };
    this.#stubbornAs = `${image.digest ?? image.reference} ${this.#declared ?? ''}`;
    if (this.#declared === undefined || !runtime.ownNetworks || !stubborn.has(this.#stubbornAs))
      return this.#ownNetwork;
    this.#ownNetwork ||= runtime.portInUse(this.#declared) || isForbidden(this.#declared);
    return this.#ownNetwork;
  }

  /**
   * After a failure: was it because the program may not have its port here, and will a network of its own mend that?
   * @param answered a probe has reached the program: whatever it failed of, it had its port
   */
  collided(answered: boolean): boolean {
    const { runtime, stubborn } = this.#context.machine;
    const declared = this.#declared;
    if (declared === undefined || answered || this.#found || this.#ownNetwork) return false;
    const forbidden = isForbidden(declared);
    if (!this.#refused && !forbidden && !runtime.portInUse(declared)) return false;
    if (!runtime.ownNetworks) {
      const state = forbidden ? 'is for root only' : 'is in use on this machine';
      const message = `port ${declared} ${state}; a program that listens on $PORT gets a free one`;
      this.#context.event('Warning', 'PortInUse', message);
      return false;
    }
    stubborn.add(this.#stubbornAs);
    this.#ownNetwork = true;
    return true;
  }

  /** The real port of a declared one (by number or name). */
  realPort(declared: number | string): number {
    const port = declaredPort(this.#container, declared);
    return this.#context.portMap.get(port) ?? port;
  }

  /** Set where connecting would not tell: what leads into a network of its own accepts before the program does. */
  listensIn(running: RunningContainer): ((declared: number | string) => boolean) | undefined {
    if (!this.#ownNetwork) return undefined;
    return (declared) => {
      const port = declaredPort(this.#container, declared);
      return running.listeners().some((listener) => listener.port === port);
    };
  }

  /** The program does not answer where it was told to listen. @param elapsed ms since it was started */
  onSilence(running: RunningContainer, elapsed: number): void {
    if (elapsed - this.#lookedAt < LOOK_EVERY) return;
    this.#lookedAt = elapsed;
    if (!this.#find(running)) this.#endIfStuck(running, elapsed);
  }

  /** For a container that nobody probes. @param isRunning tells when to give up */
  findSoon(running: RunningContainer, isRunning: () => boolean, elapsed = 0): void {
    if (this.#declared === undefined || elapsed > SOON.until) return;
    const delay = elapsed < SOON.from ? SOON.first : SOON.later;
    this.#context.machine.clock.after(delay, () => {
      if (!isRunning() || this.#find(running)) return;
      if (elapsed - this.#lookedAt >= LOOK_EVERY) {
        this.#lookedAt = elapsed;
        this.#endIfStuck(running, elapsed);
      }
      this.findSoon(running, isRunning, elapsed + delay);
    });
  }

  /** Its end is then a collision like any other; see {@link collided}. */
  #endIfStuck(running: RunningContainer, elapsed: number): void {
    const { runtime, log } = this.#context.machine;
    if (this.#declared === undefined || this.#refused || !runtime.ownNetworks) return;
    if (running.listeners().length > 0 || !runtime.portInUse(this.#declared)) return;
    running.counters().then(
      (counters) => {
        if (counters === undefined || this.#found || this.#refused) return;
        const { at, cpuSeconds } = this.#busy;
        const used = (counters.cpuSeconds - cpuSeconds) * 1000;
        if (at === 0 || used > (elapsed - at) * STUCK.share)
          this.#busy = { at: elapsed, cpuSeconds: counters.cpuSeconds };
        else if (elapsed >= STUCK.after && elapsed - at >= STUCK.idle) {
          this.#refused = true;
          running.kill();
        }
      },
      (error: unknown) => log.warn('what a container uses is not known', { uid: this.#context.uid, error }),
    );
  }

  /** A program that does not heed PORT listens somewhere: there is where its port is. */
  #find(running: RunningContainer): boolean {
    const declared = this.#declared;
    if (declared === undefined || this.#ownNetwork) return true;
    const { portMap, machine } = this.#context;
    const given = portMap.get(declared) ?? declared;
    const found = findPort(declared, given, running.listeners(), this.#context.address());
    if (found === undefined) return false;
    this.#found = true;
    if (found.loopbackOnly) this.#context.setAddress('127.0.0.1');
    if (found.port !== given) {
      if (found.port === declared) machine.stubborn.add(this.#stubbornAs);
      portMap.set(declared, found.port);
      machine.ports.release(given);
    }
    if (found.loopbackOnly || found.port !== given) this.#context.portsChanged();
    return true;
  }
}

/** Ports that only root may listen on, as long as the network is the host's. */
function isForbidden(port: number): boolean {
  return port < lowestPort();
}
