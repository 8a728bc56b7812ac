/** The types of the API, from its OpenAPI document (`schema.ts` is generated). */

import type { components, operations } from './schema.js'

/** Any schema of the document, by its name. */
export type Schemas = components['schemas']

/** The parameters of an operation. */
export type Query<Operation extends keyof operations> = NonNullable<operations[Operation]['parameters']['query']>

/** The request body of an operation. */
export type Body<Operation extends keyof operations> = operations[Operation] extends { requestBody: infer Taken }
  ? Json<Taken>
  : never

/** The response body of an operation that succeeds; a dry run has methods of its own. */
export type Answer<Operation extends keyof operations> = Exclude<Success<operations[Operation]['responses']>, DryRun>

type Success<Responses> = Responses extends { 201: infer Given }
  ? Json<Given>
  : Responses extends { 200: infer Given }
    ? Json<Given>
    : Responses extends { 202: infer Given }
      ? Json<Given>
      : void

type Json<T> = T extends { content: { 'application/json': infer Content } } ? Content : void

/** What a request would come to. */
export type DryRun = Schemas['DryRun']
export type PluginRun = Schemas['PluginRun']
export type Ticket = Schemas['Ticket']
export type TicketSummary = Schemas['TicketSummary']
export type Customer = Schemas['Customer']
export type CustomerDetail = Schemas['CustomerDetail']
export type InventoryItem = Schemas['InventoryItem']
export type Shop = Schemas['Shop']
export type User = Schemas['User']
export type Plugin = Schemas['Plugin']
export type Installation = Schemas['Installation']
export type Payment = Schemas['Payment']
export type Key = Schemas['Key']
export type Webhook = Schemas['Webhook']
export type WebhookDelivery = Schemas['WebhookDelivery']
