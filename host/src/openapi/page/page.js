"use strict";

SwaggerUIBundle({
  url: "v1/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  defaultModelExpandDepth: 3,
  defaultModelRendering: "example",
  displayRequestDuration: true,
  filter: true,
  showCommonExtensions: true,
  // The viewer would else ask a validator on another host.
  validatorUrl: null,
});
