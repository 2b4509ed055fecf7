import { ForbiddenException, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { isCrossSiteChange } from './origin.js';

/** Nothing is changed because a visitor of another site's page happens to reach the demo. */
@Injectable()
export class SameSiteGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (isCrossSiteChange(context.switchToHttp().getRequest<IncomingMessage>())) {
      throw new ForbiddenException('A page of another site may change nothing here.');
    }
    return true;
  }
}
