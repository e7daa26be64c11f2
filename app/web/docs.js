/** An optional field starts empty: Swagger UI would make up a value that fits its pattern, and send it. */
const startEmpty = {
  afterLoad({ fn }) {
    const isOptional = (schema) => schema?.get?.("anyOf")?.some((choice) => choice.get("type") === "null");
    const { getSampleSchema } = fn;
    this.fn.getSampleSchema = (schema, ...rest) => (isOptional(schema) ? "" : getSampleSchema(schema, ...rest));
  },
};

window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [startEmpty],
});
