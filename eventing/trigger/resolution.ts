/** How resolving a Destination ended, as data that a plan can decide on. */
import type { Destination } from '../../api/eventing/destination.ts';
import { TriggerError } from './errors.ts';
import type { Address, Resolver } from './resolve.ts';

export type Resolution =
  | { readonly state: 'none' }
  | { readonly state: 'resolved'; readonly address: Address }
  | { readonly state: 'failed'; readonly message: string };

/** Never throws for what the user can mend; rejects when the API server cannot be asked. */
export async function resolution(
  resolver: Resolver,
  destination: Destination | undefined,
  namespace: string,
  clusterPort: string,
): Promise<Resolution> {
  if (destination === undefined) return { state: 'none' };
  try {
    return { state: 'resolved', address: await resolver.resolve(destination, namespace, clusterPort) };
  } catch (error) {
    if (!(error instanceof TriggerError)) throw error;
    return { state: 'failed', message: error.message };
  }
}

/** An unknown kind may be defined later, which no watch tells us: look again after this, ms. */
export const LOOK_AGAIN = 10_000;

export function againAfter(...resolutions: readonly Resolution[]): number | undefined {
  return resolutions.some((one) => one.state === 'failed') ? LOOK_AGAIN : undefined;
}
