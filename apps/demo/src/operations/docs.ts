import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** The OpenAPI description: a page at /docs, the document at /docs-json. */
export function serveDocs(app: INestApplication): void {
  const about = new DocumentBuilder()
    .setTitle('Turnpike demo: an order service')
    .setDescription('Orders are saved and published in one transaction, and delivered in order per customer.')
    .setVersion('1')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, about));
}
