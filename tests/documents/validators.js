// Answers of the server under ajv, and the document under a validator of OpenAPI.
import Ajv2020 from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { Validator } from '@seriousme/openapi-schema-validator'

const problems = []
const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats(ajv)
ajv.addSchema(input.document, 'api')
for (const { reference, body } of input.answers) {
  const validate = ajv.compile({ $ref: `api${reference}` })
  if (!validate(body)) problems.push({ reference, errors: validate.errors })
}
for (const pattern of input.patterns) {
  try {
    new RegExp(pattern, 'u')
  } catch (error) {
    problems.push({ pattern, error: String(error) })
  }
}
const versions = []
for (const document of [input.document, input.v3_0]) {
  const validator = new Validator()
  const result = await validator.validate(document)
  versions.push(validator.version)
  if (!result.valid) problems.push({ openapi: document.openapi, errors: result.errors })
}
console.log(JSON.stringify({ problems, versions, answers: input.answers.length }))
