/** Events that wait until what they tell of has been done: on the way to a new pod no write but the necessary ones. */
import type { KubeObject } from '../../api/object.ts';
import type { EventType } from '../../kube/events.ts';
import type { World } from '../../kube/reconciler.ts';

/** Long enough for a cold start to be over, short enough for whoever watches events. */
const DELAY = 250;

/** Recorded a moment later, once; lost when the process ends before, as events may be. */
export function laterEvent(world: World, object: KubeObject, type: EventType, reason: string, message: string): void {
  world.clock.after(DELAY, () => world.event(object, type, reason, message));
}
