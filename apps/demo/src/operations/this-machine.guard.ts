import { ForbiddenException, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { isFromThisMachine } from './origin.js';

@Injectable()
export class ThisMachineGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers, socket } = context.switchToHttp().getRequest<IncomingMessage>();
    if (!isFromThisMachine({ headers, remoteAddress: socket.remoteAddress })) {
      throw new ForbiddenException('Only from this machine: open the page by http://localhost.');
    }
    return true;
  }
}
