import { ForbiddenException, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { refusalOf } from './core/access.js';

/** Refuses what `refusalOf` refuses, before the app's own guard is asked. */
export class RequestGuard implements CanActivate {
  constructor(private readonly o: { readonly loopbackOnly: boolean }) {}

  canActivate(context: ExecutionContext): boolean {
    const { method, headers, socket } = context.switchToHttp().getRequest<IncomingMessage>();
    const refusal = refusalOf({ method, headers, remoteAddress: socket.remoteAddress }, this.o);
    if (refusal !== undefined) throw new ForbiddenException(refusal);
    return true;
  }
}
