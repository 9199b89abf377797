package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/otel"
)

const flushTime = 5 * time.Second // for the last spans

// tracing returns the option for spans that go to an OTLP collector over HTTP, and what sends the
// last of them. Neither waits for the collector: without one, spans are lost and nothing else.
// What the flag does not say, the environment does: OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER,
// OTEL_EXPORTER_OTLP_HEADERS and the others of the OpenTelemetry specification.
func (s *server) tracing(ctx context.Context) (chat.Option, func(), error) {
	at, err := url.Parse(s.cfg.otlp)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, nil, fmt.Errorf("-otlp is the URL of a collector, such as http://localhost:4318")
	}
	if at.Path == "" || at.Path == "/" {
		at.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at.String()))
	if err != nil {
		return nil, nil, err
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "chat")), resource.WithFromEnv()) // the last wins
	if err != nil {
		return nil, nil, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	tracer := otel.New(otel.Options{
		Provider: provider, Propagator: propagation.TraceContext{},
		NewTraces: true, // connections last for hours
		// Who chooses what is sampled is known only where a proxy sets the headers.
		Public: len(s.cfg.proxies) == 0,
	})
	end := func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			s.log.Warn("the last spans were lost", "err", err)
		}
	}
	return chat.WithTracer(tracer), end, nil
}
