// The page of the programming interface: Swagger UI shows this service's own OpenAPI document, and asks no other host.

const dark = matchMedia("(prefers-color-scheme: dark)");

function followScheme() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dark.addEventListener("change", followScheme);
followScheme();

SwaggerUIBundle({
  dom_id: "#interface",
  url: "/openapi.json",
  validatorUrl: null, // it would send the document to another host
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
});
