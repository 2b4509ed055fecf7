import type { DeadLetter, DeadLetters } from 'nestjs-turnpike/outbox';
import type { Queue } from 'nestjs-turnpike/queue';
import type { DeadItemRow, DeadLetterDetails, DeadLetterRow, Page } from '../core/dead-letter-view.js';
import { payloadText } from '../core/payload-text.js';

/** A page of a list. Each row is read with its payload, which may be long. */
const ROWS = 10;

/** The newest first. */
export async function deadLetterPage(letters: DeadLetters, before: bigint | undefined): Promise<Page<DeadLetterRow>> {
  const found = await letters.list({}, { limit: ROWS + 1, ...(before === undefined ? {} : { before }) });
  const rows = found.slice(0, ROWS);
  return { rows: rows.map(toRow), next: found.length > ROWS ? String(rows.at(-1)?.id) : null };
}

export async function deadLetterDetails(letters: DeadLetters, id: bigint): Promise<DeadLetterDetails | undefined> {
  const letter = await letters.get(id);
  if (!letter) return undefined;
  const { messageId, createdAtMs, contentType, headers, history, payload } = letter;
  return {
    ...toRow(letter),
    messageId,
    createdAtMs,
    contentType,
    headers,
    history,
    payload: payloadText(payload, () => letters.payloadOf(letter)),
  };
}

function toRow(letter: DeadLetter): DeadLetterRow {
  const { id, topic, key, destination, namespace, attempts, deadAtMs, history, holds, requested } = letter;
  const lastError = history.at(-1)?.error ?? null;
  return { id: String(id), topic, key, destination, namespace, attempts, deadAtMs, lastError, holds, requested };
}

/** The oldest first, as the queue lists them. */
export async function deadItemPage(queue: Queue<unknown>, after: number): Promise<Page<DeadItemRow>> {
  const found = await queue.deadLetters.list({ limit: ROWS + 1, afterId: after });
  const rows = found.slice(0, ROWS).map(({ id, item, error, diedAt }) => {
    // The item is one of a batch, whose bytes are not its own.
    const payload = payloadText(item instanceof Uint8Array ? item : new Uint8Array(), () => item);
    return { id: String(id), error, diedAtMs: diedAt.getTime(), payload: { ...payload, bytes: null } };
  });
  return { rows, next: found.length > ROWS ? (rows.at(-1)?.id ?? null) : null };
}
