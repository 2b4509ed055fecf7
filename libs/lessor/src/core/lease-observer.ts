/** What lessors and balancers tell about themselves, for metrics. */
export interface LeaseObserver {
  /** So many parts were leased (0 too), and how long the store took. */
  acquired(parts: number, durationMs: number): void;
  /** So many parts are no longer held. `lost`: their lease ended before they were given back. */
  ended(parts: number, how: 'released' | 'lost'): void;
}
