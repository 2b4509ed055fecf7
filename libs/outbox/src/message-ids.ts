import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

const BYTES = 16;
const IDS_PER_FILL = 256;

/** Makes UUIDv7s. Asking the system for random bytes 16 at a time took most of the time of publishing many messages. */
export function messageIds(): () => string {
  const random = new Uint8Array(BYTES * IDS_PER_FILL);
  let used = random.length;
  return () => {
    if (used === random.length) {
      randomFillSync(random);
      used = 0;
    }
    used += BYTES;
    return uuidv7({ random: random.subarray(used - BYTES, used) });
  };
}
