/** The webhooks in force: kept as their configurations change, found by what a request is about. */
import type { KindInfo, Registry } from '../registry.ts';
import type { Store } from '../store/store.ts';
import { hooksOf, type Hook, type HookType } from './hook.ts';
import { isExempt, ruledKind, type RequestKind } from './rules.ts';

const GROUP = 'admissionregistration.k8s.io';
const RESOURCES: Readonly<Record<HookType, string>> = {
  mutating: `${GROUP}/mutatingwebhookconfigurations`,
  validating: `${GROUP}/validatingwebhookconfigurations`,
};

/** A webhook whose rules match, with the kind it is to be asked about. */
export interface Candidate {
  readonly hook: Hook;
  readonly info: KindInfo;
}

const NONE: readonly Candidate[] = [];

export class Hooks {
  readonly #registry: Registry;
  readonly #all = new Map<HookType, readonly Hook[]>();
  /** Answers of `matching`, until configurations or kinds change. */
  readonly #found = new Map<string, readonly Candidate[]>();
  #revision = -1;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Takes the configurations over and follows their changes. @returns the end of it */
  follow(store: Store): () => void {
    const stops = (['mutating', 'validating'] as const).map((type) => {
      const read = (): void => {
        // Entries come in the order of their names, which is the order webhooks are called in.
        const hooks = [...store.entries(RESOURCES[type])].flatMap(([, configuration]) => hooksOf(type, configuration));
        this.#all.set(type, hooks);
        this.#found.clear();
      };
      read();
      return store.subscribe(RESOURCES[type], read);
    });
    return () => {
      for (const stop of stops) stop();
    };
  }

  get isEmpty(): boolean {
    return (this.#all.get('mutating')?.length ?? 0) + (this.#all.get('validating')?.length ?? 0) === 0;
  }

  matching(type: HookType, request: RequestKind): readonly Candidate[] {
    const hooks = this.#all.get(type);
    if (hooks === undefined || hooks.length === 0) return NONE;
    if (this.#revision !== this.#registry.revision) {
      this.#revision = this.#registry.revision;
      this.#found.clear();
    }
    const { info, operation, subresource = '' } = request;
    const key = `${type} ${info.group}/${info.version}/${info.plural}/${subresource} ${operation}`;
    let found = this.#found.get(key);
    if (found === undefined) this.#found.set(key, (found = this.#find(hooks, request)));
    return found;
  }

  #find(hooks: readonly Hook[], request: RequestKind): readonly Candidate[] {
    const { info } = request;
    if (isExempt(info)) return NONE;
    const equivalents = this.#registry.all().filter((other) => other !== info && isEquivalent(other, info));
    const found: Candidate[] = [];
    for (const hook of hooks) {
      const asked = ruledKind(hook, request, equivalents);
      if (asked !== undefined) found.push({ hook, info: asked });
    }
    return found;
  }
}

/** Are these two versions of one resource? */
export function isEquivalent(a: KindInfo, b: KindInfo): boolean {
  if (a.plural !== b.plural) return false;
  const isEvent = ({ group, plural }: KindInfo) => plural === 'events' && (group === '' || group === 'events.k8s.io');
  return a.group === b.group || (isEvent(a) && isEvent(b));
}
