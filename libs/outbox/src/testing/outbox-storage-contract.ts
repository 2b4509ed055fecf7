import { changeRules } from './outbox-storage-change-rules.js';
import { flowRules } from './outbox-storage-flow-rules.js';
import { pauseRules } from './outbox-storage-pause-rules.js';
import type { OutboxStorageRule } from './outbox-storage-rule.js';

/** What every `OutboxStorage` must do, rule by rule. */
export const outboxStorageContract: readonly OutboxStorageRule[] = [...flowRules, ...changeRules, ...pauseRules];
