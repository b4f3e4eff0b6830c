/** Kubernetes' timestamps: RFC 3339 in whole seconds, UTC. */

/** Milliseconds since the epoch; 0 for an absent or unreadable time, so that it sorts before all others. */
export function millis(time: string | undefined): number {
  const value = time === undefined ? 0 : Date.parse(time);
  return Number.isNaN(value) ? 0 : value;
}
