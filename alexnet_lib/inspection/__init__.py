"""Looking inside a network: maps, units, health, filters, attribution, search."""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "tracing": "feature_maps predict trace",
        "units": "Tracer explain_unit receptive_fields",
        "health": "Vitals layer_activity layer_signals unit_states",
        "filters": "colourfulness filter_measures roughness",
        "attribution": "cover occlusion_map saliency_map",
        "ascent": "class_film class_images unit_film",
        "search": "nearest_neighbours precision_at_k top_patches",
    },
)
